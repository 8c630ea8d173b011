// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments of kvm-zap record. See record_args.h.
 */
#include "record_args.h"
#include "trace_args.h"

#define KEY_BUFFER	0x100	/* an option without a letter */

static const struct argp_option options[] = {
	{ .name = "vm", .key = 'v', .arg = "NAME|PID",
	  .doc = "The VM, given by its guest's name, id or UUID, or by its process" },
	{ .name = "output", .key = 'o', .arg = "FILE",
	  .doc = "The file to write, which must not exist yet (default: standard output)" },
	{ .name = "seconds", .key = 'S', .arg = "SECONDS", .doc = "End after this time" },
	{ .name = "buffer", .key = KEY_BUFFER, .arg = "KIB",
	  .doc = "The size of each CPU's buffer for events that have not been read yet "
		 "(default: 256)" },
	{ }
};

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct record_args *a = verb;

	switch (key) {
	case 'v':
		a->vm = arg;
		return;
	case 'o':
		a->output = arg;
		return;
	case 'S':
		a->seconds = desk_seconds(state, arg, 0.1);
		return;
	case KEY_BUFFER:
		a->buffer_kib = trace_parse_buffer(state, arg);
		return;
	}
}

static void check(void *verb, struct argp_state *state)
{
	struct record_args *a = verb;

	if (!a->vm)
		argp_error(state, "give the VM: --vm NAME or --vm PID");
	if (a->output && !*a->output)
		argp_error(state, "--output '': give a file's name");
}

static const struct desk_args record = {
	.options = options,
	.option = option,
	.check = check,
	.doc = "Record each memslot update of a VM and what was mapped at that time, until "
	       "interrupted or the VM ends, for 'kvm-zap-bench replay'.\vThe output is lines of "
	       "JSON: a header, the updates in order, each with the invalidation that was part of "
	       "it, the page faults that followed, the number of lost events, and an end. "
	       "mapped_before and mapped_after are mappings (leaf SPTEs) of the whole VM. KVM "
	       "does not tell which memslots a VM has when the recording begins; replay finds "
	       "those that are deleted, moved or changed later. Record under scoped to learn how "
	       "much of each memslot is mapped; fast only gives the sum for the VM. The events go "
	       "through a tracefs instance of this run's own, so that several runs may record or "
	       "trace at a time.",
};

void record_args_parse(struct record_args *args, int argc, char **argv)
{
	args->buffer_kib = TRACE_BUFFER_KIB;
	desk_args_parse(&record, argc, argv, &args->common);
}
