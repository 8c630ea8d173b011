// SPDX-License-Identifier: GPL-2.0-only
/*
 * Site memslot, policy scoped: drop what belongs to the memslot, and no more.
 *
 * What belongs to a memslot are leaf SPTEs of the TDP MMU that map its memory,
 * leaf SPTEs of the shadow MMU (legacy direct, shadow paging, nested) that do,
 * shadow pages that shadow a guest page table inside the memslot, and direct ones
 * whose whole range lies in it.
 *
 * No vCPU adds any of these meanwhile, whichever way mmu_lock is held, or while
 * it is not: the memslot was marked invalid and kvm_swap_active_memslots() then
 * waited until every SRCU reader that could have seen it valid was gone.  Who
 * handles a fault reads the memslots under SRCU.  kvm_faultin_pfn() has a fault
 * on an invalid memslot retried, prefetch leaves it out
 * (gfn_to_memslot_dirty_bitmap()), an async page fault faults again, and a fast
 * page fault changes only SPTEs that are present.  What splits, merges or
 * write-protects a memslot's SPTEs holds slots_lock, as the caller here does,
 * or mmu_lock for write (MMU notifiers, NX huge page recovery).  So what was
 * dropped stays dropped, and a walk goes on where it was after a lock break.
 *
 * On newer kernels NX huge page recovery holds mmu_lock for read in the TDP MMU
 * and who only looks at accessed bits does not hold it at all. Neither adds
 * anything; zap_scoped_tdp.c and kvm_zap_rmap_begin() say what they need.
 */
#include <linux/kvm_host.h>

#include <asm/vmx.h>

#include "mmu.h"
#include "mmu_internal.h"
#include "tdp_mmu.h"
#include "zap.h"

/*
 * The memslot as its SPTEs know it.  Not the caller's, which was the active one
 * until it was marked invalid: the first shadow root of a VM allocates rmaps
 * for active memslots only, and the invalid copy is the active one by now.
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
 * kvm_zap_memslot_scoped() - drop a memslot's mappings, leave all others
 * @kvm: the VM, its slots_lock held
 * @old: the memslot as it was before it was marked invalid
 *
 * Takes mmu_lock for read for the TDP MMU, for write for the shadow MMU, and
 * makes way for others that wait for it.
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

	/* vCPUs know the page's address from elsewhere, too: kvm_unmap_gfn_range(). */
	if (kvm_x86_ops.set_apic_access_page_addr &&
	    slot->id == APIC_ACCESS_PAGE_PRIVATE_MEMSLOT)
		kvm_make_all_cpus_request(kvm, KVM_REQ_APIC_PAGE_RELOAD);
}
