/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options of kvm-zap trace. kvm-zap parses them as well as kvm-zap-trace, so that
 * wrong usage and --help need no libtracefs.
 */
#ifndef KVM_ZAP_TRACE_ARGS_H
#define KVM_ZAP_TRACE_ARGS_H

#include <stdint.h>

#include "desk_args.h"

struct trace_args {
	struct desk_common common;
	const char *vm;			/* as desk_vms_find() takes it, or NULL */
	const char *site, *policy;	/* words, or NULL */
	const char *qmp;		/* the VM's socket, "none", or NULL: by its command line */
	uint64_t min_ns;
	bool memslots, top;
	double interval;		/* of top, 0: not given */
	double seconds;			/* 0: until it is interrupted */
	unsigned long count;		/* the same */
	unsigned long buffer_kib;	/* of each CPU */
};

#define TRACE_BUFFER_KIB	256	/* if no other is asked for */

void trace_args_parse(struct trace_args *args, int argc, char **argv);

/* The argument of --buffer; anything that is no such number is a usage error. */
unsigned long trace_parse_buffer(struct argp_state *state, const char *arg);

/*
 * Becomes kvm-zap-trace, as the verb @verb, if the kernel and the user are such that it can
 * work. Returns only if not: an exit status, and why has been said.
 */
int trace_program(const char *verb, char **argv);

#endif
