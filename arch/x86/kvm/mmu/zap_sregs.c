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
 * Registers are set, and vCPUs run, without a lock in common with who drops mappings,
 * who holds slots_lock. A vCPU sets registers first and then looks whether scoped has
 * kept anything; scoped says that it keeps first and then looks whether registers were
 * set. So one of the two sees the other. And a fast zap says that it is done when it
 * is: until then a vCPU that may not run yet waits for slots_lock.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "zap.h"

/* Whether there is a shadow page that could be stale. */
static bool zap_sregs_may_matter(struct kvm *kvm)
{
	return READ_ONCE(kvm->arch.indirect_shadow_pages);
}

/* Whether registers were set since all mappings were dropped. */
static bool zap_sregs_were_set(struct kvm *kvm)
{
	return atomic_read(&kvm->zap.sregs) != READ_ONCE(kvm->zap.refreshed);
}

/**
 * kvm_zap_note_sregs() - the VMM sets special registers of a vCPU
 * @kvm: the vCPU's VM
 */
void kvm_zap_note_sregs(struct kvm *kvm)
{
	if (!zap_sregs_may_matter(kvm))
		return;

	atomic_inc(&kvm->zap.sregs);
	/* Pairs with the barrier in kvm_zap_may_keep(). */
	smp_mb__after_atomic();
}

/* Policy fast, whatever kvm_zap_begin() said, in an invalidation that this task runs. */
static void zap_sregs_demand_fast(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	kvm_zap_fall_back(kvm, KVM_ZAP_POLICY_FAST);
	kvm->zap.by = KVM_ZAP_BY_SREGS;
}

/**
 * kvm_zap_may_keep() - ask whether policy scoped will do
 * @kvm: the VM, its slots_lock held, in an invalidation that this task runs
 *
 * Return: true if it will; false if policy fast has to take its place, by which the
 * invalidation is counted from now on.
 */
bool kvm_zap_may_keep(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	WRITE_ONCE(kvm->zap.kept, zap_sregs_may_matter(kvm));
	/* Pairs with the barrier in kvm_zap_note_sregs(). */
	smp_mb();
	if (!READ_ONCE(kvm->zap.kept) || !zap_sregs_were_set(kvm))
		return true;

	zap_sregs_demand_fast(kvm);
	return false;
}

/**
 * kvm_zap_would_keep() - foresee whether policy scoped will do
 * @kvm: the VM, slots_lock held or not
 *
 * Return: what kvm_zap_may_keep() would return now, as far as can be told from outside.
 */
bool kvm_zap_would_keep(struct kvm *kvm)
{
	return !zap_sregs_may_matter(kvm) || !zap_sregs_were_set(kvm);
}

/**
 * kvm_zap_refresh_begin() - all mappings may be about to be dropped
 * @kvm: the VM, its slots_lock held
 *
 * Registers that are set from here on are not made up for by it.
 */
void kvm_zap_refresh_begin(struct kvm *kvm)
{
	kvm->zap.refreshing = atomic_read(&kvm->zap.sregs);
}

/**
 * kvm_zap_refresh_end() - all mappings were dropped since kvm_zap_refresh_begin()
 * @kvm: the VM, its slots_lock held since
 */
void kvm_zap_refresh_end(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	WRITE_ONCE(kvm->zap.refreshed, kvm->zap.refreshing);
	/*
	 * Who sees this goes on without slots_lock, and finds no root of before valid:
	 * pairs with zap_sregs_owes_fast().
	 */
	smp_store_release(&kvm->zap.kept, false);
}

/**
 * kvm_zap_fast() - drop all mappings by KVM's fast zap, and count them
 * @kvm: the VM, its slots_lock held
 */
void kvm_zap_fast(struct kvm *kvm)
{
	kvm_zap_refresh_begin(kvm);
	kvm_zap_by(kvm, kvm_mmu_zap_all_fast);
	kvm_zap_refresh_end(kvm);
}

static bool zap_sregs_owes_fast(struct kvm *kvm)
{
	/* Pairs with kvm_zap_refresh_end(). */
	return smp_load_acquire(&kvm->zap.kept) && zap_sregs_were_set(kvm);
}

/**
 * kvm_zap_before_run() - drop all mappings if policy scoped owes that
 * @vcpu: a vCPU that is about to run, its mutex held, in no SRCU read-side critical
 *        section
 */
void kvm_zap_before_run(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	/* They will be set when it is too late to wait for slots_lock. */
	if (READ_ONCE(vcpu->run->kvm_dirty_regs) & KVM_SYNC_X86_SREGS)
		kvm_zap_note_sregs(kvm);

	/* With a fatal signal pending it does not enter the guest any more. */
	if (!zap_sregs_owes_fast(kvm) || mutex_lock_killable(&kvm->slots_lock))
		return;
	if (zap_sregs_owes_fast(kvm)) {
		kvm_zap_begin(kvm, KVM_ZAP_SITE_MEMSLOT, NULL, KVM_ZAP_POLICY_FAST);
		zap_sregs_demand_fast(kvm);
		kvm_zap_fast(kvm);
		kvm_zap_end(kvm);
	}
	mutex_unlock(&kvm->slots_lock);
}
