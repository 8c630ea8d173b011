// SPDX-License-Identifier: GPL-2.0-only
/*
 * What others do to the same VM, or to KVM, in the midst of an invalidation. Each pair is
 * forced to meet, round after round, and the kernel's trace has to show that it did; else
 * the pair fails. Meanwhile a vCPU reads and writes the memory that goes.
 *
 * What breaks without it: locks, orders and exchanges that matter only when two CPUs meet
 * can be left out, and no other test notices: the mutants of overlap/tdp-smp4 and the like.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "zap_overlap.h"
#include "zap_tracing.h"

int main(void)
{
	unsigned int i;

	zap_need_tracing();
	zap_need_debugfs();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ktap_skip_all("one CPU: nothing overlaps (lab run --icount --smp 4)");
	zap_start(overlap_nr_fault_pairs + overlap_nr_notifier_pairs);
	overlap_trace_create();
	overlap_pin(OVERLAP_ZAPPER);
	overlap_metronome_start();
	for (i = 0; i < overlap_nr_fault_pairs; i++)
		overlap_run(&overlap_fault_pairs[i]);
	for (i = 0; i < overlap_nr_notifier_pairs; i++)
		overlap_run(&overlap_notifier_pairs[i]);
	overlap_metronome_stop();
	return ktap_end();
}
