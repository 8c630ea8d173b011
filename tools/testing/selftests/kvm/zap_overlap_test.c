// SPDX-License-Identifier: GPL-2.0-only
/*
 * Activities of others in the same VM, or in KVM, in the middle of an invalidation. Each
 * pair is forced to overlap, round after round, and fails if the kernel's trace does not
 * show that it did. Meanwhile a vCPU reads and writes the memory that goes.
 *
 * What breaks without it: locks, orders and exchanges that matter only when two CPUs meet
 * can be left out, and no other test notices.
 *
 * zap_overlap_test WORDS runs only the pairs that have these words in their name.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "zap_overlap.h"
#include "zap_tracing.h"

static const struct {
	const struct overlap_pair *pairs;
	const unsigned int *nr;
} lists[] = {
	{ overlap_fault_pairs, &overlap_nr_fault_pairs },
	{ overlap_notifier_pairs, &overlap_nr_notifier_pairs },
	{ overlap_host_pairs, &overlap_nr_host_pairs },
};

static unsigned int count_pairs(void)
{
	unsigned int i, j, n = 0;

	for (i = 0; i < ARRAY_SIZE(lists); i++)
		for (j = 0; j < *lists[i].nr; j++)
			n += overlap_wanted(lists[i].pairs[j].name);
	return n;
}

int main(int argc, char **argv)
{
	unsigned int i, j;

	if (argc > 1)
		overlap_only = argv[1];
	zap_need_tracing();
	zap_need_debugfs();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ktap_skip_all("one CPU: nothing overlaps (lab run --icount --smp 4)");
	zap_start(count_pairs() + overlap_count_teardowns() + overlap_count_mmio());
	overlap_trace_create();
	overlap_pin(OVERLAP_ZAPPER);
	overlap_metronome_start();
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		for (j = 0; j < *lists[i].nr; j++)
			overlap_run(&lists[i].pairs[j]);
	overlap_mmio();
	overlap_teardowns();
	overlap_metronome_stop();
	return ktap_end();
}
