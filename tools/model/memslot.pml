/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Site memslot, policy scoped: a memslot is deleted while two vCPUs, an MMU notifier and
 * the NX worker go on. Variants, see the file "models":
 *
 *   (none)              the TDP MMU
 *   TELLS               6.1 and 6.12: a page is told that the guest has written to it
 *   NX_SHARED           7.2: the NX worker holds mmu_lock for read
 *   SHADOW              the shadow MMU
 *   WITH_MN, WITH_NX    with the notifier, the NX worker
 *   ONE_VCPU            with one vCPU, not two
 */
#define TABLES	2

#include "sync.pml"
#include "memory.pml"
#include "notifier.pml"
#include "nx.pml"
#include "vcpu.pml"
#ifdef SHADOW
#include "zap_shadow.pml"
#else
#include "zap_tdp.pml"
#endif
#include "update.pml"

init
{
	/* A vCPU that is not in the guest is a reader of SRCU. */
	atomic {
		srcu_in = BIT(0);
		run vcpu(0);
#ifndef ONE_VCPU
		srcu_in = srcu_in | BIT(1);
		run vcpu(1);
#endif
		run update();
#ifdef WITH_MN
		run notifier();
#endif
#ifdef WITH_NX
		run nx_worker();
#endif
		skip
	};
	/* Who went by now has left nothing undone. */
	_nr_pr == 2 ->
		if
		:: mn_in_progress -> assert(invalidation_count_unbalanced)
		:: else
		fi
}
