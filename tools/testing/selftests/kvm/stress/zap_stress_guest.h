/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest code of zap_stress_test, and the data that it shares with the host. The guest
 * does not judge. It visits pages at random and writes down what it did and saw, and
 * between which steps of the area's clock (as in zap_guest.h).
 */
#ifndef KVM_ZAP_STRESS_GUEST_H
#define KVM_ZAP_STRESS_GUEST_H

#include <stdint.h>

#include "vm.h"

#define STRESS_VIEWS	8
#define STRESS_HOT	8
#define STRESS_RECORDS	512

/* One for each area. `hi` leads while a change is under way. */
struct stress_clock {
	uint64_t lo;
	uint64_t hi;
	uint32_t hot[STRESS_HOT];	/* pages at the slot's borders */
};

/* An area as a vCPU sees it; addresses are guest virtual. */
struct stress_view {
	uint64_t gva[2];	/* the same memory, by pages of 2M and of 4K */
	uint64_t clock;		/* struct stress_clock */
	uint32_t npages;
	uint32_t area;
};

/* What is done with a page. Word 0 is the host's, the others are vCPUs'. */
enum stress_kind { STRESS_READ_STAMP, STRESS_READ_OWN, STRESS_WRITE_OWN };

struct stress_record {
	uint32_t lo, hi;	/* the clock before and after */
	uint16_t page;		/* in the area */
	uint8_t area;
	uint8_t kind;
	uint32_t exits;		/* the write left as MMIO */
	uint64_t value;		/* read or written */
};

/* Of one vCPU. */
struct stress_beat {
	uint64_t random;	/* state, never 0 */
	uint64_t sequence;	/* last value written */
	uint64_t limit;		/* visits to make: at most STRESS_RECORDS */
	uint64_t done;
	uint64_t own;		/* byte in a page of the vCPU's word */
	uint64_t mmio_writes;	/* by the host: writes that left as MMIO */
	uint64_t nr_views;
	struct stress_view view[STRESS_VIEWS];
	struct stress_record record[STRESS_RECORDS];
};

/* GUEST_OP_CALL it, with the address of the beat as `value`. */
uint64_t stress_guest_visit(volatile struct guest_cmd *cmd);

/* All the code, to be copied. */
extern const unsigned char __start_stress_guest[], __stop_stress_guest[];

#endif
