/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lock breaks in a walk of the TDP MMU's page tables, like tdp_mmu_iter_cond_resched(),
 * which is private to tdp_mmu.c.
 */
#ifndef __KVM_X86_MMU_ZAP_TDP_H
#define __KVM_X86_MMU_ZAP_TDP_H

#include <linux/kvm_host.h>
#include <linux/sched.h>

#include "tdp_iter.h"

/* Whether others wait, and the walk has made progress since the last break. */
static inline bool kvm_zap_tdp_wants_break(struct kvm *kvm,
					   const struct tdp_iter *iter)
{
	return iter->next_last_level_gfn != iter->yielded_gfn &&
	       (need_resched() || rwlock_needbreak(&kvm->mmu_lock));
}

/*
 * Drop mmu_lock, which is held for read if @shared, and the RCU read lock, and take them
 * again. The caller must have flushed if a vCPU may still use what was dropped, and must
 * go on with the iterator's next step at once, which restarts from the root.
 */
static inline void kvm_zap_tdp_break(struct kvm *kvm, struct tdp_iter *iter,
				     bool shared)
{
	rcu_read_unlock();
	kvm_zap_count_yield(kvm, shared ? cond_resched_rwlock_read(&kvm->mmu_lock) :
					  cond_resched_rwlock_write(&kvm->mmu_lock));
	rcu_read_lock();
	iter->yielded = true;
}

#endif /* __KVM_X86_MMU_ZAP_TDP_H */
