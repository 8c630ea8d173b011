// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's code of kvm-zap-bench contend, see bench_contend.h. It is copied into guest
 * memory, so it refers to nothing outside of itself.
 */
#include "bench_contend.h"

static inline __attribute__((always_inline)) uint64_t ticks(void)
{
	uint32_t low, high;

	/* Not before the loads and stores that come first. */
	asm volatile("lfence; rdtsc" : "=a" (low), "=d" (high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Touch page after page; keep how long each took that the host has an eye on. */
__attribute__((section("contend_guest"), used, noinline))
uint64_t contend_guest_touch(volatile struct guest_cmd *cmd)
{
	volatile struct contend_job *job = (void *)cmd->value;
	volatile uint64_t *phase = (void *)job->phase, *gaps = (void *)job->gaps;
	uint64_t i, now, last = ticks(), seen, before = CONTEND_WAIT, kept = 0;

	for (i = 0; i < job->pages; i++) {
		if (i == job->first) {
			while (*phase == CONTEND_WAIT)
				asm volatile("pause");
			last = ticks();
		}
		*(volatile uint64_t *)(job->start + (i << 12)) = i;
		now = ticks();
		seen = *phase;
		/* Begun before the end of it, and ended after its begin. */
		if (before < CONTEND_AFTER && seen > CONTEND_BEFORE)
			gaps[kept++] = now - last;
		job->touched = i + 1;
		before = seen;
		last = now;
	}
	job->kept = kept;
	return kept;
}
