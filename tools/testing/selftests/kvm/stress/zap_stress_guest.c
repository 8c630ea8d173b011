// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest code, see zap_stress_guest.h. It is copied into guest memory, so it refers to
 * nothing outside of itself.
 */
#include "zap_stress_guest.h"

#define STRESS_GUEST	__attribute__((section("stress_guest"), used, noinline))

/* Visit pages, and write down each visit. */
STRESS_GUEST uint64_t stress_guest_visit(volatile struct guest_cmd *cmd)
{
	volatile struct stress_beat *beat = (void *)cmd->value;
	uint64_t random = beat->random, n;

	for (n = 0; n < beat->limit; n++) {
		volatile struct stress_record *r = &beat->record[n];
		volatile struct stress_view *view;
		volatile struct stress_clock *clock;
		uint64_t page, address, exits, kind;

		/* Marsaglia's xorshift64. */
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;

		view = &beat->view[(random >> 8) % beat->nr_views];
		clock = (void *)view->clock;
		page = (random >> 24) % view->npages;
		if (random & 1)
			page = clock->hot[(random >> 1) % STRESS_HOT];
		kind = (random >> 4) % 4;
		address = view->gva[(random >> 6) & 1] + (page << 12);

		r->page = page;
		r->area = view->area;
		/* Loads and stores stay in order, the compiler's and the CPU's. */
		if (kind >= STRESS_WRITE_OWN) {
			r->kind = STRESS_WRITE_OWN;
			r->value = ++beat->sequence;
			address += beat->own;
			exits = beat->mmio_writes;
			r->lo = clock->lo;
			*(volatile uint64_t *)address = r->value;
			/* The store is to be done before the clock is read again. */
			__asm__ volatile("mfence" : : : "memory");
			r->hi = clock->hi;
			r->exits = beat->mmio_writes - exits;
		} else {
			r->kind = kind;
			r->exits = 0;
			if (kind == STRESS_READ_OWN)
				address += beat->own;
			r->lo = clock->lo;
			r->value = *(volatile uint64_t *)address;
			r->hi = clock->hi;
		}
	}
	beat->random = random;
	beat->done = n;
	return n;
}
