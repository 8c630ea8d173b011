// SPDX-License-Identifier: GPL-2.0-only
/*
 * Site memslot, policy scoped: drop what belongs to the memslot, and no more.
 *
 * Four things belong to a memslot: leaf SPTEs of the TDP MMU that map its memory,
 * leaf SPTEs of the shadow MMU (legacy direct, shadow paging, nested) that map its
 * memory, shadow pages that shadow a guest page table inside the memslot, and
 * direct shadow pages whose whole range lies in the memslot.
 *
 * vCPUs do not add any of these while the engine runs, not even while it has dropped
 * mmu_lock. The memslot is marked invalid, and kvm_swap_active_memslots() has waited
 * for every SRCU reader that could have seen it valid; page faults look memslots up
 * under SRCU. For an invalid memslot, kvm_faultin_pfn() retries the fault,
 * gfn_to_memslot_dirty_bitmap() excludes it from prefetch, an async page fault
 * faults again, and a fast page fault changes present SPTEs only. Code that
 * splits, merges or write-protects SPTEs of the memslot holds slots_lock, as this
 * code's caller does, or holds mmu_lock for write (MMU notifiers, NX huge page
 * recovery). Hence dropped SPTEs stay dropped, and after a lock break the walk
 * continues where it stopped.
 *
 * On newer kernels, NX huge page recovery takes mmu_lock for read in the TDP MMU,
 * and aging does not take it at all. Neither adds SPTEs. zap_scoped_tdp.c and
 * kvm_zap_rmap_begin() explain what they require.
 */
#include <linux/kvm_host.h>

#include <asm/vmx.h>

#include "mmu.h"
#include "mmu_internal.h"
#include "tdp_mmu.h"
#include "zap.h"

/*
 * Return the active copy of the memslot, which is the invalid one by now. The rmaps
 * are there: a VM's first shadow root allocates them for active memslots only, so
 * the caller's @old, which was active before, may lack them.
 */
static const struct kvm_memory_slot *
zap_scoped_active(struct kvm *kvm, const struct kvm_memory_slot *old)
{
	const struct kvm_memory_slot *slot;

	slot = id_to_memslot(__kvm_memslots(kvm, old->as_id), old->id);
	if (WARN_ON_ONCE(!slot || !(slot->flags & KVM_MEMSLOT_INVALID)))
		return old;

	return slot;
}

/**
 * kvm_zap_memslot_scoped() - drop a memslot's mappings and leave all others
 * @kvm: the VM, its slots_lock held
 * @old: the memslot as it was before it was marked invalid
 *
 * Takes mmu_lock, for read in the TDP MMU and for write in the shadow MMU, and
 * drops it when others wait for it.
 */
void kvm_zap_memslot_scoped(struct kvm *kvm, const struct kvm_memory_slot *old)
{
	const struct kvm_memory_slot *slot = zap_scoped_active(kvm, old);

	lockdep_assert_held(&kvm->slots_lock);

	if (kvm_zap_reference) {
		kvm_zap_memslot_reference(kvm, slot);
		return;
	}

	if (kvm_zap_tdp_mmu_enabled(kvm))
		kvm_zap_scoped_tdp(kvm, slot);
	if (kvm_memslots_have_rmaps(kvm))
		kvm_zap_scoped_shadow(kvm, slot);

	/* vCPUs have this page's address outside of the MMU as well: kvm_unmap_gfn_range(). */
	if (kvm_x86_ops.set_apic_access_page_addr &&
	    slot->id == APIC_ACCESS_PAGE_PRIVATE_MEMSLOT)
		kvm_make_all_cpus_request(kvm, KVM_REQ_APIC_PAGE_RELOAD);
}
