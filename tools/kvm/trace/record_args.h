/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of kvm-zap record. Both programs parse them, as with trace_args.h. */
#ifndef KVM_ZAP_RECORD_ARGS_H
#define KVM_ZAP_RECORD_ARGS_H

#include "desk_args.h"

struct record_args {
	struct desk_common common;
	const char *vm;			/* as desk_vms_find() takes it */
	const char *output;		/* NULL: stdout */
	double seconds;			/* 0: until it is interrupted */
	unsigned long buffer_kib;	/* of each CPU */
};

void record_args_parse(struct record_args *args, int argc, char **argv);

#endif
