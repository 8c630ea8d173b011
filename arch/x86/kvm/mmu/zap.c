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

/**
 * kvm_zap_memslot() - drop the mappings of a memslot that goes or moves
 * @kvm: the VM, its slots_lock held and mmu_lock not
 * @slot: the memslot as it was before it was marked invalid
 * @zap_all: whether KVM would drop all mappings of the VM by itself; here it
 *           learns what it has to do
 *
 * What KVM does by itself, or the administrator wants by policy fast, is left to
 * KVM's own code, and ends with kvm_zap_memslot_end().  Policy scoped is done here,
 * for plain VMs alone.  So the caller may return at once, although newer kernels
 * have more to do for VMs that are not: their private memory has to be invalidated.
 *
 * Return: true if no vCPU can reach the memslot's memory any more and nothing that
 * belongs to the memslot is left in KVM's MMU, false if that is left to do.
 */
bool kvm_zap_memslot(struct kvm *kvm, struct kvm_memory_slot *slot, bool *zap_all)
{
	enum kvm_zap_policy policy;

	lockdep_assert_held(&kvm->slots_lock);

	policy = kvm_zap_begin(kvm, KVM_ZAP_SITE_MEMSLOT, slot,
			       *zap_all ? KVM_ZAP_POLICY_FAST : KVM_ZAP_POLICY_SCOPED);
	if (policy == KVM_ZAP_POLICY_SCOPED && kvm_zap_may_keep(kvm)) {
		kvm_zap_memslot_scoped(kvm, slot);
		kvm_zap_end(kvm);
		return true;
	}

	if (policy != KVM_ZAP_POLICY_STOCK)
		*zap_all = true;
	kvm_zap_refresh_begin(kvm);
	kvm->zap.arch.leafs = kvm_zap_nr_leafs(kvm);
	return false;
}

/**
 * kvm_zap_memslot_end() - KVM's own code has dropped the mappings of a memslot
 * @kvm: the VM, its slots_lock held since kvm_zap_memslot()
 */
void kvm_zap_memslot_end(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	kvm_zap_count_leafs_since(kvm, kvm->zap.arch.leafs);
	if (kvm->zap.record.policy == KVM_ZAP_POLICY_FAST)
		kvm_zap_refresh_end(kvm);
	kvm_zap_end(kvm);
}

/**
 * kvm_zap_mmio() - drop MMIO SPTEs, the MMIO generation has wrapped
 * @kvm: the VM, its slots_lock held
 */
void kvm_zap_mmio(struct kvm *kvm)
{
	enum kvm_zap_policy policy;

	lockdep_assert_held(&kvm->slots_lock);

	policy = kvm_zap_begin(kvm, KVM_ZAP_SITE_MMIO, NULL, KVM_ZAP_POLICY_FAST);
	if (policy == KVM_ZAP_POLICY_SCOPED && kvm_zap_may_keep(kvm))
		kvm_zap_mmio_scoped(kvm);
	else
		kvm_zap_fast(kvm);

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

	policy = kvm_zap_begin(kvm, KVM_ZAP_SITE_TEARDOWN, NULL, KVM_ZAP_POLICY_WALK);
	if (policy == KVM_ZAP_POLICY_BULK) {
		kvm_zap_bulk(kvm);
	} else if (policy != KVM_ZAP_POLICY_FAST || !kvm_zap_teardown_fast(kvm)) {
		kvm_zap_fall_back(kvm, KVM_ZAP_POLICY_WALK);
		kvm_zap_by(kvm, kvm_mmu_zap_all);
	}

	kvm_zap_end(kvm);
}

#ifdef CONFIG_KVM_ZAP_TEST
static bool kvm_zap_noncoherent_dma;
module_param_named(zap_noncoherent_dma, kvm_zap_noncoherent_dma, bool, 0644);
MODULE_PARM_DESC(zap_noncoherent_dma,
		 "Test builds: VMs count as having a device with non-coherent DMA");
#else
#define kvm_zap_noncoherent_dma	false
#endif

static bool kvm_zap_has_noncoherent_dma(struct kvm *kvm)
{
	return kvm_arch_has_noncoherent_dma(kvm) || kvm_zap_noncoherent_dma;
}

/*
 * What nobody has a choice about.  The memory of a VM that is not a plain one has
 * rules of its own: SPTEs may have to survive, e.g. when the guest has accepted what
 * they map, and a page table that mirrors one of the TDX module must not be removed
 * as a whole.  And where a device with non-coherent DMA comes without a refresh of
 * the memory types in existing SPTEs, dropping all mappings is what refreshes them.
 */
enum kvm_zap_policy kvm_arch_zap_demand(struct kvm *kvm, enum kvm_zap_site site,
					enum kvm_zap_by *by)
{
	*by = KVM_ZAP_BY_TYPE;
	if (!kvm_zap_is_default_vm(kvm))
		return KVM_ZAP_POLICY_STOCK;

	*by = KVM_ZAP_BY_DMA;
	if (site == KVM_ZAP_SITE_MEMSLOT && !KVM_ZAP_MEMTYPE_FOLLOWS_DMA &&
	    kvm_zap_has_noncoherent_dma(kvm))
		return KVM_ZAP_POLICY_FAST;

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

/* What KVM does with a memslot that goes if it is left to it. */
static enum kvm_zap_policy kvm_zap_own(struct kvm *kvm)
{
#ifdef KVM_X86_QUIRK_SLOT_ZAP_ALL
	if (!kvm_zap_is_default_vm(kvm) ||
	    !kvm_check_has_quirk(kvm, KVM_X86_QUIRK_SLOT_ZAP_ALL))
		return KVM_ZAP_POLICY_SCOPED;
#endif
	return KVM_ZAP_POLICY_FAST;
}

enum kvm_zap_policy kvm_arch_zap_outlook(struct kvm *kvm, enum kvm_zap_policy word,
					 enum kvm_zap_by *by)
{
	if (word == KVM_ZAP_POLICY_STOCK)
		return kvm_zap_own(kvm);
	if (word == KVM_ZAP_POLICY_FAST || kvm_zap_would_keep(kvm))
		return word;

	*by = KVM_ZAP_BY_SREGS;
	return KVM_ZAP_POLICY_FAST;
}

s64 kvm_arch_zap_mapped(struct kvm *kvm)
{
	return max(kvm_zap_nr_leafs(kvm), 0LL);
}

/* Each vCPU counts its own; what it is about to count may be missing. */
u64 kvm_arch_zap_faults(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 nr = 0;

	kvm_for_each_vcpu(i, vcpu, kvm)
		nr += READ_ONCE(vcpu->stat.pf_fixed);

	return nr;
}

void kvm_arch_zap_devices(struct kvm *kvm, struct kvm_zap_devices *devices)
{
	devices->assigned = kvm_zap_nr_assigned(kvm);
	devices->noncoherent = atomic_read(&kvm->arch.noncoherent_dma_count);
}
