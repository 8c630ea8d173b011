// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap record: check what can be checked here, and leave the rest to kvm-zap-trace,
 * see verb_trace.c.
 */
#include "desk.h"
#include "record_args.h"
#include "trace_args.h"

int desk_verb_record(int argc, char **argv)
{
	struct record_args args = { };

	record_args_parse(&args, argc, argv);
	return trace_program("record", argv);
}
