// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap sites on x86: each samples its policy and runs that policy's engine.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "x86.h"
#include "zap.h"

/**
 * kvm_zap_nr_leafs() - how many leaf SPTEs a VM has
 * @kvm: the VM
 *
 * Return: the leaf SPTEs of all page sizes, as KVM's statistics know them.
 */
s64 kvm_zap_nr_leafs(struct kvm *kvm)
{
	s64 nr = 0;
	int i;

	for (i = 0; i < KVM_NR_PAGE_SIZES; i++)
		nr += atomic64_read(&kvm->stat.pages[i]);

	return nr;
}

/*
 * A flow of KVM's own does not say how many leaf SPTEs it drops: it is the
 * difference.  Exact while no vCPU faults; what vCPUs map again meanwhile makes it
 * too low, but never less than nothing.
 */
static void kvm_zap_count_leafs_since(struct kvm *kvm, s64 before)
{
	kvm_zap_count_sptes(kvm, max(before - kvm_zap_nr_leafs(kvm), 0LL));
}

/**
 * kvm_zap_by() - run a flow of KVM's own, and count the leaf SPTEs that it drops
 * @kvm: the VM
 * @zap: the flow
 */
void kvm_zap_by(struct kvm *kvm, void (*zap)(struct kvm *kvm))
{
	s64 before = kvm_zap_nr_leafs(kvm);

	zap(kvm);
	kvm_zap_count_leafs_since(kvm, before);
}

/*
 * Site memslot.  On newer kernel lines KVM has a choice of its own, and each has
 * its own steps around it.  They stay, for "fast" and for VMs that are not plain
 * ones; kvm_zap_memslot_begin() and kvm_zap_memslot_end() bracket them.
 */

/**
 * kvm_zap_memslot_begin() - start to drop the mappings of a memslot
 * @kvm: the VM, its slots_lock held
 * @slot: the memslot as it was before it was marked invalid, which goes or moves
 * @stock: what KVM would do without policies; counts if they are configured off
 *
 * To be asked once: all that is done for one memslot is done by one policy.
 *
 * Return: whether the caller has to drop all mappings of the VM.
 */
bool kvm_zap_memslot_begin(struct kvm *kvm, struct kvm_memory_slot *slot,
			   bool stock)
{
	enum kvm_zap_policy policy;

	lockdep_assert_held(&kvm->slots_lock);

	policy = kvm_zap_begin(kvm, KVM_ZAP_SITE_MEMSLOT, slot);
	kvm->zap.leafs = kvm_zap_nr_leafs(kvm);

	return policy != KVM_ZAP_POLICY_SCOPED;
}

/**
 * kvm_zap_memslot_is_ours() - whether policy scoped is done by the engines here
 * @kvm: the VM, between kvm_zap_memslot_begin() and kvm_zap_memslot_end()
 *
 * The memory of a VM that is not a plain one, e.g. of a TDX guest, has rules of
 * its own: a page table that mirrors one of the TDX module must not be removed
 * as a whole.  And the engines run for nobody unless the administrator wants
 * them: what a VMM has asked KVM for it gets from KVM.
 *
 * Return: false if KVM has to do it in its own way.
 */
bool kvm_zap_memslot_is_ours(struct kvm *kvm)
{
	return !kvm->zap.stock;
}

/**
 * kvm_zap_memslot_theirs() - do scoped in KVM's own way, unless it is ours to do
 * @kvm: the VM
 * @slot: the memslot
 * @zap: KVM's own way
 */
void kvm_zap_memslot_theirs(struct kvm *kvm, struct kvm_memory_slot *slot,
			    void (*zap)(struct kvm *, struct kvm_memory_slot *))
{
	if (!kvm_zap_memslot_is_ours(kvm))
		zap(kvm, slot);
}

/**
 * kvm_zap_memslot_end() - drop the mappings of a memslot if that is left to do
 * @kvm: the VM, its slots_lock held and mmu_lock not
 * @slot: what kvm_zap_memslot_begin() got
 *
 * When this returns, no vCPU can reach the memslot's memory and nothing that
 * belongs to the memslot is left in KVM's MMU.
 */
void kvm_zap_memslot_end(struct kvm *kvm, struct kvm_memory_slot *slot)
{
	/* Sampled by kvm_zap_memslot_begin(); slots_lock keeps others away. */
	if (kvm->zap.policy == KVM_ZAP_POLICY_SCOPED && kvm_zap_memslot_is_ours(kvm))
		kvm_zap_memslot_scoped(kvm, slot);
	else
		kvm_zap_count_leafs_since(kvm, kvm->zap.leafs);

	kvm_zap_end(kvm);
}

/**
 * kvm_zap_memslot() - drop the mappings of a memslot that goes or moves
 * @kvm: the VM, its slots_lock held
 * @slot: the memslot as it was before it was marked invalid
 *
 * All of it, for a kernel line on which KVM has just one way.
 */
void kvm_zap_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
{
	if (kvm_zap_memslot_begin(kvm, slot, true))
		kvm_mmu_zap_all_fast(kvm);
	kvm_zap_memslot_end(kvm, slot);
}

/**
 * kvm_zap_mmio() - drop MMIO SPTEs, the MMIO generation has wrapped
 * @kvm: the VM, its slots_lock held
 */
void kvm_zap_mmio(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	if (kvm_zap_begin(kvm, KVM_ZAP_SITE_MMIO, NULL) == KVM_ZAP_POLICY_SCOPED)
		kvm_zap_mmio_scoped(kvm);
	else
		kvm_zap_by(kvm, kvm_mmu_zap_all_fast);

	kvm_zap_end(kvm);
}

/*
 * Drop all mappings by the fast invalidate, if that can be had.  It wants
 * slots_lock: who toggles nx_huge_pages would toggle the generation back in
 * between.  But slots_lock must not be waited for here.  An MMU notifier calls
 * this in an SRCU read-side critical section, and who holds slots_lock may be
 * waiting for the end of it, see Documentation/virt/kvm/locking.rst.
 */
static bool kvm_zap_teardown_fast(struct kvm *kvm)
{
	if (!mutex_trylock(&kvm->slots_lock))
		return false;

	kvm_zap_by(kvm, kvm_mmu_zap_all_fast);
	mutex_unlock(&kvm->slots_lock);
	return true;
}

/**
 * kvm_zap_teardown() - drop all mappings of a VM that goes away
 * @kvm: the VM, of which no vCPU can run any more
 */
void kvm_zap_teardown(struct kvm *kvm)
{
	enum kvm_zap_policy policy;

	policy = kvm_zap_begin(kvm, KVM_ZAP_SITE_TEARDOWN, NULL);
	if (policy == KVM_ZAP_POLICY_BULK) {
		kvm_zap_bulk(kvm);
	} else if (policy == KVM_ZAP_POLICY_WALK || !kvm_zap_teardown_fast(kvm)) {
		kvm_zap_fall_back(kvm, KVM_ZAP_POLICY_WALK);
		kvm_zap_by(kvm, kvm_mmu_zap_all);
	}

	kvm_zap_end(kvm);
}

/*
 * What nobody has a choice about: a VM that is not a plain one gets what KVM does
 * for it.  Of those, memslots go by scoped: other memory's SPTEs may have to
 * survive, e.g. when the guest has accepted what they map.
 */
enum kvm_zap_policy kvm_arch_zap_demand(struct kvm *kvm, enum kvm_zap_site site)
{
	if (kvm_zap_is_default_vm(kvm))
		return KVM_ZAP_POLICY_INHERIT;

	switch (site) {
	case KVM_ZAP_SITE_MEMSLOT:
		return KVM_ZAP_POLICY_SCOPED;
	case KVM_ZAP_SITE_MMIO:
		return KVM_ZAP_POLICY_FAST;
	default:
		return KVM_ZAP_POLICY_WALK;
	}
}

/* What the VMM has asked for, by KVM_X86_QUIRK_SLOT_ZAP_ALL where there is one. */
enum kvm_zap_policy kvm_arch_zap_wish(struct kvm *kvm, enum kvm_zap_site site)
{
	if (site == KVM_ZAP_SITE_MEMSLOT && kvm_zap_vmm_wants_scoped(kvm))
		return KVM_ZAP_POLICY_SCOPED;

	return KVM_ZAP_POLICY_INHERIT;
}

/*
 * Policy auto.  Scoped drops a part of what fast drops, at less for each leaf,
 * and finding it is bounded by what is mapped.  It was dearer on no workload of
 * kvm-zap-bench, delete, create and refaults together, and mostly a fraction; so
 * the rule is as simple as that, see zap-policy.rst.
 */
enum kvm_zap_policy kvm_arch_zap_auto(struct kvm *kvm,
				      const struct kvm_memory_slot *slot)
{
	return KVM_ZAP_POLICY_SCOPED;
}
