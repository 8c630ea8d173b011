// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest page tables that are written from outside of a vCPU: a VMM loads a snapshot.
 *
 * KVM sees what vCPUs write to a guest page table that it shadows, and nothing else:
 * the shadow page is stale then. Policy fast happens to refresh it, for it drops all,
 * and VMMs delete memslots while they load a snapshot. Policy scoped keeps it. So it
 * has to find out when such a thing may have happened.
 *
 * What KVM does see is that the VMM sets special registers of a vCPU, after it wrote
 * the memory and before the vCPU runs again. So while guest page tables are shadowed:
 *
 * - when a memslot goes after registers were set, policy fast takes scoped's place;
 * - when registers are set after a memslot went by scoped, all mappings are dropped by
 *   policy fast before a vCPU runs again.
 *
 * Either is needed once until registers are set anew, and for a memslot that fast would
 * have dropped all for as well.
 *
 * kvm->zap.sregs is set with no lock but the vCPU's: who sets registers while a memslot
 * goes has them count for the next one. Else both it and kvm->zap.kept are written with
 * slots_lock held.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "zap.h"

/* Whether there is a shadow page that could be stale. */
static bool zap_sregs_may_be_stale(struct kvm *kvm)
{
	return READ_ONCE(kvm->arch.indirect_shadow_pages);
}

/**
 * kvm_zap_note_sregs() - the VMM sets special registers of a vCPU
 * @kvm: the vCPU's VM
 */
void kvm_zap_note_sregs(struct kvm *kvm)
{
	if (zap_sregs_may_be_stale(kvm))
		WRITE_ONCE(kvm->zap.sregs, true);
}

/* Whether policy fast has to take the place of scoped. */
bool kvm_arch_zap_refresh(struct kvm *kvm)
{
	return READ_ONCE(kvm->zap.sregs) && zap_sregs_may_be_stale(kvm);
}

/**
 * kvm_zap_note_fast() - all mappings are about to be dropped
 * @kvm: the VM, its slots_lock held
 */
void kvm_zap_note_fast(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	WRITE_ONCE(kvm->zap.sregs, false);
	WRITE_ONCE(kvm->zap.kept, false);
}

/**
 * kvm_zap_note_scoped() - policy scoped is about to keep most mappings
 * @kvm: the VM, its slots_lock held
 */
void kvm_zap_note_scoped(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	WRITE_ONCE(kvm->zap.kept, zap_sregs_may_be_stale(kvm));
}

static bool zap_sregs_owes_fast(struct kvm *kvm)
{
	return READ_ONCE(kvm->zap.kept) && READ_ONCE(kvm->zap.sregs);
}

/**
 * kvm_zap_before_run() - drop all mappings if policy scoped owes that
 * @kvm: the VM of a vCPU that is about to run, which holds the vCPU's mutex and is in
 *       no SRCU read-side critical section
 */
void kvm_zap_before_run(struct kvm *kvm)
{
	if (likely(!zap_sregs_owes_fast(kvm)))
		return;

	mutex_lock(&kvm->slots_lock);
	if (zap_sregs_owes_fast(kvm)) {
		kvm_zap_begin(kvm, KVM_ZAP_SITE_MEMSLOT, NULL, KVM_ZAP_POLICY_FAST);
		kvm_zap_fall_back(kvm, KVM_ZAP_POLICY_FAST);
		kvm_zap_note_fast(kvm);
		kvm_zap_by(kvm, kvm_mmu_zap_all_fast);
		kvm_zap_end(kvm);
	}
	mutex_unlock(&kvm->slots_lock);
}
