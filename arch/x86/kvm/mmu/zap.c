// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap sites on x86: each samples its policy and runs the engine of that policy.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "x86.h"
#include "zap.h"

/**
 * kvm_zap_nr_leafs() - count a VM's leaf SPTEs
 * @kvm: the VM
 *
 * Return: the number of leaf SPTEs of all page sizes, from KVM's statistics.
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
 * KVM's own zap functions do not say how many leaf SPTEs they drop, so take the
 * difference.  It is exact while no vCPU faults.  What vCPUs map again meanwhile makes it
 * too low; it is never counted below 0.
 */
static void kvm_zap_count_leafs_since(struct kvm *kvm, s64 before)
{
	kvm_zap_count_sptes(kvm, max(before - kvm_zap_nr_leafs(kvm), 0LL));
}

/**
 * kvm_zap_by() - run one of KVM's own zap functions and count the leaf SPTEs it drops
 * @kvm: the VM
 * @zap: the function
 */
void kvm_zap_by(struct kvm *kvm, void (*zap)(struct kvm *kvm))
{
	s64 before = kvm_zap_nr_leafs(kvm);

	zap(kvm);
	kvm_zap_count_leafs_since(kvm, before);
}

/**
 * kvm_zap_memslot() - drop the mappings of a memslot that is deleted or moved
 * @kvm: the VM, with slots_lock held and mmu_lock not held
 * @slot: the memslot as it was before it was marked invalid
 * @zap_all: in: whether KVM would drop all mappings of the VM by itself; out: whether it
 *           has to
 *
 * Policies stock and fast are left to KVM's own code, which ends with
 * kvm_zap_memslot_end().  Policy scoped is done here, and only for VMs of the default type.
 * That is why the caller may return at once, although newer kernels do more after the zap:
 * they invalidate private memory, which only VMs of other types have.
 *
 * Return: true if no vCPU can reach the memslot's memory any more and nothing that
 * belongs to the memslot is left in KVM's MMU; false if the caller has to do that.
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
	kvm->zap->arch.leafs = kvm_zap_nr_leafs(kvm);
	return false;
}

/**
 * kvm_zap_memslot_end() - note that KVM's own code has dropped the mappings of a memslot
 * @kvm: the VM, its slots_lock held since kvm_zap_memslot()
 */
void kvm_zap_memslot_end(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->slots_lock);

	kvm_zap_count_leafs_since(kvm, kvm->zap->arch.leafs);
	if (kvm->zap->record.policy == KVM_ZAP_POLICY_FAST)
		kvm_zap_refresh_end(kvm);
	kvm_zap_end(kvm);
}

/**
 * kvm_zap_mmio() - drop MMIO SPTEs because the MMIO generation has wrapped
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
 * Drop all mappings by the fast invalidate if slots_lock is free.  The fast invalidate
 * needs slots_lock: otherwise, a write to nx_huge_pages could toggle the generation back
 * in between.  But this function must not wait for it.  An MMU notifier calls it in an SRCU
 * read-side critical section, and the holder of slots_lock may be waiting for the end of
 * that section, see Documentation/virt/kvm/locking.rst.
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
 * @kvm: the VM; none of its vCPUs can run any more
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
 * VMs that have no choice.  The memory of a VM of another type has rules of its own: SPTEs
 * may have to survive, for example when the guest has accepted the memory that they map, and
 * a page table that mirrors one of the TDX module must not be removed as a whole.  And if
 * this kernel does not refresh the memory types in existing SPTEs when the first device with
 * non-coherent DMA comes, only dropping all mappings refreshes them.
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
 * Policy auto.  No workload is known in which fast is cheaper, counting the deletion, making
 * the memslot again, and the refaults.  See Documentation/virt/kvm/zap-auto.rst.
 */
enum kvm_zap_policy kvm_arch_zap_auto(struct kvm *kvm,
				      const struct kvm_memory_slot *slot)
{
	return KVM_ZAP_POLICY_SCOPED;
}

/* What KVM's own code does when a memslot goes. */
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

/* Each vCPU counts its own faults; the one it is handling may be missing. */
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
