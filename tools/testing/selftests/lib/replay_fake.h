/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bench_replay_test.c tells the KVM and the plan that take the place of real ones.
 */
#ifndef KVM_ZAP_REPLAY_FAKE_H
#define KVM_ZAP_REPLAY_FAKE_H

#include "bench_slot.h"
#include "replay.h"

#define REPLAY_FAKE_BASE	0x10000UL	/* of memslots: where the plan puts gfn 0 */

extern struct replay_fake {
	struct replay plan;	/* what replay_read() reads */
	uint64_t max_bytes;	/* that replay_plan() was given */
	unsigned int gpa_bits;	/* of the VM */
	unsigned int refused;	/* KVM refuses this memslot */
	char memory[8 * SZ_4K];	/* what the VM has, whatever was asked for */
} fake;

#endif
