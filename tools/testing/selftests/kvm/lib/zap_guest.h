/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest code that watches memory while the host changes the memory slots, and the data
 * that it shares with the host.
 *
 * Time is divided into steps. The host adds 1 to `hi` before it changes a slot and sets
 * `lo` to the same value afterwards, so the change from step n to n + 1 happens in
 * between. A vCPU that reads `lo`, then a page, then `hi`, knows in which steps it may
 * have read the page, and thus all that the page may legally hold. This catches any stale
 * translation from the very moment that the ioctl returns.
 */
#ifndef KVM_ZAP_GUEST_CODE_H
#define KVM_ZAP_GUEST_CODE_H

#include <stdint.h>

#include "vm.h"

/* What a load from where there is no slot gives. */
#define ZAP_ABSENT	(~0UL)

/* The word at the start of a page: where in the memory it is, and whose it is. */
#define ZAP_WORD(index, gen)	((uint64_t)(index) << 32 | (uint32_t)(gen))

/* Shared by all vCPUs. */
struct zap_clock {
	uint64_t lo;
	uint64_t hi;
};

/* Of one vCPU. Addresses are guest virtual ones. */
struct zap_beat {
	uint64_t clock;		/* struct zap_clock */
	uint64_t start;		/* pages to visit */
	uint64_t count;
	uint64_t stride;	/* bytes */
	uint64_t index;		/* of the first page, in its memory */
	uint64_t parity;	/* present in steps that are this, modulo 2 */
	uint64_t gen;		/* of the memory; 0: the number of the step */
	uint64_t limit;		/* rounds to make; 0: until stopped */

	/* By the guest. */
	uint64_t rounds;
	uint64_t bad;		/* loads that gave what they could not; the first: */
	uint64_t bad_gva;
	uint64_t bad_value;
	uint64_t bad_lo;
	uint64_t bad_hi;
};

/* GUEST_OP_CALL these, with the address of the beat as `value`. */
uint64_t zap_guest_patrol(volatile struct guest_cmd *cmd);
uint64_t zap_guest_scribble(volatile struct guest_cmd *cmd);
uint64_t zap_guest_visit(volatile struct guest_cmd *cmd);	/* both */

/* All the code, to be copied. */
extern const unsigned char __start_zap_guest[], __stop_zap_guest[];

#endif
