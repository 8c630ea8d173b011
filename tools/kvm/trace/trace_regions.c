// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's names for the memory at guest addresses, from what its monitor prints for "info
 * mtree -f". See trace.h.
 *
 * A memslot that comes and goes, like an option ROM's, may not exist when QEMU is asked,
 * and least of all after its deletion was read, which is when QEMU is asked first. So
 * QEMU is asked again for a while, whether or not there are events. Its earlier answer
 * for an address stays valid until it gives another one.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "desk_print.h"
#include "desk_qmp.h"
#include "desk_vms.h"
#include "trace.h"

#define ANSWER_S	1		/* that a VMM has: meanwhile no line is printed */
#define SOON_NS		100000000ULL	/* from one time to the next */
#define LATER_NS	10000000000ULL	/* ... when the last SOON_TIMES were in vain */
#define SOON_TIMES	30
#define FAILURES	3		/* in a row, after which the VMM is left alone */
#define CHECK_NS	1000000000ULL	/* how often it is looked whether it is the same process */
#define RANGES		4096		/* that are kept of one VM, and names of all */

struct range {
	int64_t as_id;
	uint64_t start, end;		/* addresses, the last one included */
	const char *name;
	bool now;			/* it was there when QEMU was asked last */
};

static struct asked {
	pid_t pid;
	uint64_t start;			/* desk_process_start() */
	char *path;			/* of the socket; NULL: it is not asked */
	uint64_t next_ns, asked_ns, checked_ns;
	unsigned int in_vain, failures;
	struct trace_event waiting;	/* for its name, if @waits */
	bool waits;
	struct range *ranges;
	size_t nr;
} *asked;

static size_t nr_asked;
static const char *given;		/* --qmp */
static bool nobody;			/* --qmp none */

/* Names live as long as the program does. There are few, unless somebody makes them up: NULL. */
static const char *intern(const char *name)
{
	static char **names;
	static size_t nr;
	size_t i;

	for (i = 0; i < nr; i++)
		if (!strcmp(names[i], name))
			return names[i];
	if (nr == RANGES)
		return NULL;
	names = desk_grow(names, nr + 1, sizeof(*names));
	names[nr] = desk_copy(name);
	return names[nr++];
}

static bool overlap(const struct range *a, const struct range *b)
{
	return a->as_id == b->as_id && a->start <= b->end && b->start <= a->end;
}

static void add(struct asked *a, const struct range *range)
{
	size_t i, kept = 0;

	for (i = 0; i < a->nr; i++)
		if (a->ranges[i].now || !overlap(&a->ranges[i], range))
			a->ranges[kept++] = a->ranges[i];
	a->nr = kept;
	if (a->nr == RANGES)
		return;
	a->ranges = desk_grow(a->ranges, a->nr + 1, sizeof(*a->ranges));
	a->ranges[a->nr++] = *range;
}

/* " AS "memory", root: system": which of KVM's address spaces that is, -1 for none. */
static int64_t address_space(const char *line)
{
	if (!strncmp(line, " AS \"memory\",", 13))
		return 0;
	return strncmp(line, " AS \"KVM-SMRAM\",", 16) ? -1 : 1;
}

/*
 * "  START-END (prio N, TYPE): NAME[ @OFFSET][ KVM...]", with 16 digits each. Memory only: what
 * is i/o has no memslot.
 */
static bool parse_range(char *line, struct range *range)
{
	char *name = strstr(line, "): "), *at;
	int chars = 0;

	if (!name || sscanf(line, "  %16lx-%16lx (prio %*d, %n", &range->start, &range->end,
			    &chars) != 2 || !chars || !strncmp(line + chars, "i/o)", 4))
		return false;
	name += 3;
	/* Once for each address space of the view that has it. */
	while ((at = strrchr(name, ' ')) && !strcmp(at, " KVM"))
		*at = '\0';
	if (at && at[1] == '@' && strlen(at) == 18)
		*at = '\0';
	if (!*name || range->start > range->end)
		return false;
	range->name = intern(name);
	range->now = true;
	return range->name;
}

/* A view may be that of several address spaces. */
static void parse(struct asked *a, char *text)
{
	bool spaces[2] = { };
	char *line;
	size_t i;

	for (i = 0; i < a->nr; i++)
		a->ranges[i].now = false;
	while ((line = strsep(&text, "\n"))) {
		struct range range;
		int64_t as_id;

		line[strcspn(line, "\r")] = '\0';
		if (!strncmp(line, "FlatView #", 10))
			memset(spaces, 0, sizeof(spaces));
		as_id = address_space(line);
		if (as_id >= 0)
			spaces[as_id] = true;
		if ((!spaces[0] && !spaces[1]) || !parse_range(line, &range))
			continue;
		for (as_id = 0; as_id < 2; as_id++) {
			range.as_id = as_id;
			if (spaces[as_id])
				add(a, &range);
		}
	}
}

static void say_why(const struct asked *a, const char *why)
{
	char *name = desk_printable(trace_name(a->pid));

	desk_say("%s (pid %d): its memslots have no names: %s", name, a->pid, why);
	free(name);
}

/* By the socket that was given, or else found. */
static bool ask(struct asked *a, char **why)
{
	struct desk_qmp *qmp = desk_qmp_open(a->path, given ? 0 : a->pid, ANSWER_S, why);
	char *text = qmp ? desk_qmp_human(qmp, "info mtree -f", why) : NULL;

	desk_qmp_close(qmp);
	if (text)
		parse(a, text);
	free(text);
	return text;
}

static void ask_again(struct asked *a)
{
	char *why = NULL;

	if (!a->path || desk_now_ns() < a->next_ns)
		return;
	if (ask(a, &why)) {
		a->failures = 0;
	} else if (++a->failures == FAILURES) {
		/* One that has ended is not to be blamed. */
		if (desk_process_start(a->pid) == a->start)
			say_why(a, why);
		free(a->path);
		a->path = NULL;
	}
	free(why);
	a->in_vain++;
	a->asked_ns = desk_now_ns();
	a->next_ns = a->asked_ns + (a->in_vain < SOON_TIMES ? SOON_NS : LATER_NS);
}

/* A reason that many VMs of a host may have is printed once. */
static void find_socket(struct asked *a)
{
	static bool said;
	char *why = NULL;
	bool quiet = false;

	if (nobody)
		return;
	a->path = given ? desk_copy(given) : desk_qmp_find(a->pid, &quiet, &why);
	if (!a->path && !quiet && !said) {
		say_why(a, why);
		said = true;
	}
	free(why);
}

/* One that has ended is still what it was, until another process has its number. */
static bool is_same(struct asked *a)
{
	uint64_t now = desk_now_ns(), start;

	if (now - a->checked_ns < CHECK_NS)
		return true;
	a->checked_ns = now;
	start = desk_process_start(a->pid);
	return !start || start == a->start;
}

static struct asked *find(pid_t pid)
{
	struct asked *a;
	size_t i;

	for (i = 0; i < nr_asked && asked[i].pid != pid; i++)
		;
	if (i == nr_asked) {
		asked = desk_grow(asked, nr_asked + 1, sizeof(*asked));
		asked[nr_asked++] = (struct asked){ };
	}
	a = &asked[i];
	if (a->pid == pid && is_same(a))
		return a;
	free(a->path);
	free(a->ranges);
	*a = (struct asked){ .pid = pid, .start = desk_process_start(pid) };
	find_socket(a);
	ask_again(a);
	return a;
}

static const char *look_up(const struct asked *a, const struct trace_event *event)
{
	struct range slot = {
		.as_id = event->as_id,
		.start = event->base_gfn * 4096UL,
		.end = (event->base_gfn + event->npages) * 4096UL - 1,
	};
	const char *name = NULL;
	size_t i;

	for (i = 0; i < a->nr; i++) {
		const struct range *r = &a->ranges[i];

		/* What is not there now has to be the same: it may be another's address. */
		if (r->as_id == slot.as_id &&
		    (r->now ? r->start <= slot.start && slot.end <= r->end :
		     r->start == slot.start && r->end == slot.end))
			name = r->name;
	}
	return name;
}

const char *trace_region(const struct trace_event *event)
{
	struct asked *a;
	const char *name;

	if (event->kind == TRACE_SETTLE || event->slot < 0)
		return NULL;
	a = find(event->vm);
	name = look_up(a, event);
	if (name && desk_now_ns() - a->asked_ns < LATER_NS)
		return name;
	ask_again(a);
	name = look_up(a, event);
	if (name)
		a->in_vain = 0;
	a->waits = !name;
	a->waiting = *event;
	return name;
}

void trace_regions_poll(void)
{
	struct asked *a;

	for (a = asked; a < asked + nr_asked; a++) {
		if (!a->waits || a->in_vain >= SOON_TIMES)
			continue;
		ask_again(a);
		if (!look_up(a, &a->waiting))
			continue;
		a->waits = false;
		a->in_vain = 0;
	}
}

int trace_regions_open(const char *qmp, pid_t vm)
{
	struct asked *a;
	char *why = NULL;

	if (!qmp)
		return DESK_OK;
	nobody = !strcmp(qmp, "none");
	given = nobody ? NULL : qmp;
	if (nobody)
		return DESK_OK;
	if (desk_qmp_is_libvirt(given)) {
		desk_say("--qmp: %s is libvirt's, which has the only connection", given);
		desk_say("give the VM a QMP socket of its own");
		return DESK_NOT;
	}
	asked = desk_grow(NULL, 1, sizeof(*asked));
	a = &asked[nr_asked++];
	*a = (struct asked){ .pid = vm, .start = desk_process_start(vm), .path = desk_copy(given) };
	if (ask(a, &why))
		return DESK_OK;
	desk_say("--qmp: %s", why);
	free(why);
	return DESK_NOT;
}
