/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations that the host and the guest side of kvm-zap-bench contend share. */
#ifndef KVM_ZAP_BENCH_CONTEND_H
#define KVM_ZAP_BENCH_CONTEND_H

#include <stdint.h>

#include "vm.h"

/*
 * Where the host is. vCPUs touch job->first pages and wait while the others come
 * up, then go on; times from touch to touch that overlap CONTEND_DURING are kept.
 */
enum { CONTEND_WAIT, CONTEND_BEFORE, CONTEND_DURING, CONTEND_AFTER };

/* What a vCPU is to do, in guest memory. Addresses are guest virtual ones. */
struct contend_job {
	uint64_t phase;		/* written by the host; a uint64_t */
	uint64_t start;		/* memory to touch, page after page */
	uint64_t pages;
	uint64_t first;
	uint64_t gaps;		/* room for as many uint64_t */

	/* By the guest. */
	uint64_t touched;	/* pages so far */
	uint64_t kept;		/* gaps, in ticks of the guest's TSC */
};

/* GUEST_OP_CALL this, with the address of the job as `value`. */
uint64_t contend_guest_touch(volatile struct guest_cmd *cmd);

/* All the code, to be copied. */
extern const unsigned char __start_contend_guest[], __stop_contend_guest[];

#endif
