// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments of kvm-zap trace. See trace_args.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "desk_kvm.h"
#include "trace_args.h"

#define KEY_MIN_NS	0x100	/* options without a letter */
#define KEY_BUFFER	0x101
#define KEY_QMP		0x102

#define BUFFER_MAX_KIB	(1024 * 1024)

static const struct argp_option options[] = {
	{ .name = "vm", .key = 'v', .arg = "NAME|PID",
	  .doc = "Only this VM, given by its guest's name, id or UUID, or by its process" },
	{ .name = "site", .key = 's', .arg = "SITE",
	  .doc = "Only this site: memslot, mmio, teardown" },
	{ .name = "policy", .key = 'p', .arg = "WORD",
	  .doc = "Only this policy: fast, scoped, walk, bulk" },
	{ .name = "min-ns", .key = KEY_MIN_NS, .arg = "NS",
	  .doc = "Only invalidations that took at least this long" },
	{ .name = "memslots", .key = 'm',
	  .doc = "Also print memslots that are created, changed, moved or deleted, with the "
		 "time that the VMM waited" },
	{ .name = "top", .key = 't',
	  .doc = "Print a table of rates by VM and memslot, the highest first, again and again" },
	{ .name = "interval", .key = 'i', .arg = "SECONDS",
	  .doc = "With --top: the time between two tables (default: 1)" },
	{ .name = "count", .key = 'n', .arg = "COUNT",
	  .doc = "End after this many invalidations or, with --top, tables" },
	{ .name = "seconds", .key = 'S', .arg = "SECONDS", .doc = "End after this time" },
	{ .name = "buffer", .key = KEY_BUFFER, .arg = "KIB",
	  .doc = "The size of each CPU's buffer for events that have not been read yet "
		 "(default: 256)" },
	{ .name = "qmp", .key = KEY_QMP, .arg = "SOCKET|none",
	  .doc = "With --vm: the VM's QMP socket, if its command line does not name it. none: "
		 "do not ask QEMU what memslots are" },
	{ }
};

static uint64_t parse_ns(struct argp_state *state, const char *arg)
{
	unsigned long long ns;
	char *end;

	errno = 0;
	ns = strtoull(arg, &end, 10);
	if (!isdigit((unsigned char)*arg) || *end || errno)
		argp_error(state, "'%s': give nanoseconds, a whole number", arg);
	return ns;
}

unsigned long trace_parse_buffer(struct argp_state *state, const char *arg)
{
	unsigned long kib = desk_whole(state, arg, "KiB");

	if (kib < 8 || kib > BUFFER_MAX_KIB)
		argp_error(state, "'%s': give KiB, from 8 to %d", arg, BUFFER_MAX_KIB);
	return kib;
}

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct trace_args *a = verb;

	switch (key) {
	case 'v':
		a->vm = arg;
		return;
	case 's':
		a->site = arg;
		return;
	case 'p':
		a->policy = arg;
		return;
	case KEY_MIN_NS:
		a->min_ns = parse_ns(state, arg);
		return;
	case 'm':
		a->memslots = true;
		return;
	case 't':
		a->top = true;
		return;
	case 'i':
		a->interval = desk_seconds(state, arg, 0.1);
		return;
	case 'n':
		a->count = desk_whole(state, arg, "how often");
		return;
	case 'S':
		a->seconds = desk_seconds(state, arg, 0.1);
		return;
	case KEY_QMP:
		a->qmp = arg;
		return;
	case KEY_BUFFER:
		a->buffer_kib = trace_parse_buffer(state, arg);
		return;
	}
}

/* What is done is none of the words that leave the choice to somebody else. */
static bool is_done(const char *word)
{
	return desk_site_of(word, NULL) && strcmp(word, "stock") && strcmp(word, "auto");
}

static void check(void *verb, struct argp_state *state)
{
	struct trace_args *a = verb;
	const struct desk_site *site = a->site ? desk_site(a->site) : NULL;

	if (a->site && !site)
		argp_error(state, "'%s' is no site: memslot, mmio, teardown", a->site);
	if (a->policy && !is_done(a->policy))
		argp_error(state, "'%s' is not what an invalidation uses: fast, scoped, walk, bulk",
			   a->policy);
	if (a->policy && site && !desk_site_takes(site, a->policy))
		argp_error(state, "site %s never uses '%s'", a->site, a->policy);
	if (a->interval && !a->top)
		argp_error(state, "--interval needs --top");
	if (a->qmp && !*a->qmp)
		argp_error(state, "--qmp '': give the path of a socket, or none");
	if (a->qmp && strcmp(a->qmp, "none") && !a->vm)
		argp_error(state, "--qmp needs --vm: a socket is that of one VM");
	if (a->memslots && a->top)
		argp_error(state, "--memslots and --top do not go together");
}

static const struct desk_args trace = {
	.options = options,
	.option = option,
	.check = check,
	.doc = "Print a line for each invalidation as it happens, and one for the page faults "
	       "that followed it, until interrupted.\vColumns: POLICY is the policy that was "
	       "used; BY says who decided (param, vm, kernel; with type, dma and sregs, the VM "
	       "has no choice); TOOK is the time it took; SPTES is the mappings that it dropped; "
	       "OTHERS is how many of these cannot have been the memslot's; WHAT is the memslot's "
	       "number (after 1: in SMM's address space), its size, its address, and its name in "
	       "QEMU, if QEMU has a QMP socket; or it is mmio or teardown. The events go through "
	       "a tracefs instance of this run's own, so that it does not disturb others who "
	       "trace. If the buffer had no room for some events, their number is printed. With "
	       "--json, each line or table is an object.",
};

void trace_args_parse(struct trace_args *args, int argc, char **argv)
{
	args->buffer_kib = TRACE_BUFFER_KIB;
	desk_args_parse(&trace, argc, argv, &args->common);
}
