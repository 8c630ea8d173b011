// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest page tables that are written from outside of a vCPU, as when a VMM loads a
 * snapshot.
 *
 * KVM notices writes by vCPUs to a guest page table that it shadows, but no others; the
 * shadow page is then stale. Policy fast happens to refresh it, because it drops
 * everything and VMMs delete memslots while they load a snapshot. Policy scoped would
 * keep the stale shadow page, so it has to detect this case.
 *
 * What KVM does notice is that the VMM sets a vCPU's special registers, after it wrote
 * the memory and before the vCPU runs again. Therefore, while guest page tables are
 * shadowed:
 *
 * - an invalidation after registers were set uses policy fast instead of scoped;
 * - registers that are set after a memslot went by scoped cause a fast zap before a vCPU
 *   runs again.
 *
 * One or the other happens, once until registers are set again. Nothing is needed without
 * a memslot update, where policy fast would not have dropped anything either.
 *
 * The zap holds slots_lock. Setting registers and running vCPUs do not take it, unless a
 * fast zap is due. The vCPU first records that registers were set, and then checks whether
 * scoped has kept anything. Scoped first records that it keeps shadow pages, and then
 * checks whether registers were set. So at least one of them sees the other. A fast zap
 * clears the record that scoped keeps something when it is done; until then, a vCPU that
 * must not run yet waits for slots_lock.
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
	/* Pairs with kvm_zap_refresh_end(). */
	int refreshed = smp_load_acquire(&kvm->zap->arch.refreshed);

	return atomic_read(&kvm->zap->arch.sregs) != refreshed;
}

/**
 * kvm_zap_note_sregs() - record that the VMM sets special registers of a vCPU
 * @kvm: the vCPU's VM
 */
void kvm_zap_note_sregs(struct kvm *kvm)
{
	if (!zap_sregs_may_matter(kvm))
		return;

	atomic_inc(&kvm->zap->arch.sregs);
	/* Pairs with the barrier in kvm_zap_may_keep(). */
	smp_mb__after_atomic();
}

/* Switch the invalidation that this task runs to policy fast. */
static void zap_sregs_demand_fast(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	kvm_zap_fall_back(kvm, KVM_ZAP_POLICY_FAST);
	kvm->zap->record.by = KVM_ZAP_BY_SREGS;
}

/**
 * kvm_zap_may_keep() - check whether policy scoped may be used
 * @kvm: the VM, its slots_lock held, in an invalidation that this task runs
 *
 * Return: true if it may. If not, policy fast must be used, and the invalidation is
 * counted as such from now on.
 */
bool kvm_zap_may_keep(struct kvm *kvm)
{
	bool keeps = zap_sregs_may_matter(kvm);

	lockdep_assert_held(&kvm->slots_lock);

	WRITE_ONCE(kvm->zap->arch.kept, keeps);
	/* Pairs with the barrier in kvm_zap_note_sregs(). */
	smp_mb();
	if (!keeps || !zap_sregs_were_set(kvm))
		return true;

	zap_sregs_demand_fast(kvm);
	return false;
}

/**
 * kvm_zap_would_keep() - predict kvm_zap_may_keep()
 * @kvm: the VM, slots_lock held or not
 *
 * Return: what kvm_zap_may_keep() would return now, as far as that can be told without
 * slots_lock.
 */
bool kvm_zap_would_keep(struct kvm *kvm)
{
	return !zap_sregs_may_matter(kvm) || !zap_sregs_were_set(kvm);
}

/**
 * kvm_zap_refresh_begin() - all mappings may be about to be dropped
 * @kvm: the VM, its slots_lock held
 *
 * Registers that are set after this call need another refresh.
 */
void kvm_zap_refresh_begin(struct kvm *kvm)
{
	kvm->zap->arch.refreshing = atomic_read(&kvm->zap->arch.sregs);
}

/**
 * kvm_zap_refresh_end() - all mappings were dropped since kvm_zap_refresh_begin()
 * @kvm: the VM, its slots_lock held since
 */
void kvm_zap_refresh_end(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	/*
	 * A vCPU that sees either of these runs without taking slots_lock, and must not find
	 * an old root valid: pairs with zap_sregs_were_set() and zap_sregs_owes_fast().
	 */
	smp_store_release(&kvm->zap->arch.refreshed, kvm->zap->arch.refreshing);
	/* See above. */
	smp_store_release(&kvm->zap->arch.kept, false);
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
	return smp_load_acquire(&kvm->zap->arch.kept) && zap_sregs_were_set(kvm);
}

/**
 * kvm_zap_before_run() - do the fast zap that policy scoped owes, if it does
 * @vcpu: a vCPU that is about to run, its mutex held, outside of SRCU read-side
 *        critical sections
 */
void kvm_zap_before_run(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	/* They are set later, where slots_lock must not be waited for. */
	if (READ_ONCE(vcpu->run->kvm_dirty_regs) & KVM_SYNC_X86_SREGS)
		kvm_zap_note_sregs(kvm);

	/* With a fatal signal pending, the vCPU does not enter the guest any more. */
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
