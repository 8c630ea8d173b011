/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pass accessed and dirty bits of a leaf SPTE on to the page when the SPTE goes. There is
 * nothing to do on kernels that tell the page when the SPTE is made, see
 * KVM_ZAP_TELLS_PAGE.
 */
#ifndef __KVM_X86_MMU_ZAP_LEAF_H
#define __KVM_X86_MMU_ZAP_LEAF_H

#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/swap.h>

#include "spte.h"
#include "tdp_iter.h"
#include "zap_compat.h"

#if KVM_ZAP_TELLS_PAGE

/*
 * Return the page that a leaf maps, or NULL if there is no struct page. Like
 * kvm_set_pfn_dirty(), but once for both bits: the lookup is a third of a leaf's cost.
 */
static inline struct page *kvm_zap_leaf_page(u64 spte)
{
	kvm_pfn_t pfn = spte_to_pfn(spte);

	return pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

/*
 * Pass the dirty bit on. Setting PG_dirty again would change nothing, but is atomic.
 * Reserved pages are left to their owner.
 */
static inline void kvm_zap_dirty_to_page(u64 spte, struct page *page)
{
	if (is_dirty_spte(spte) && !PageDirty(page) && !PageReserved(page))
		SetPageDirty(page);
}

/*
 * Pass the accessed bit on. A page that has PG_referenced already would be activated: for
 * memory that just lost its memslot, one reference is enough of a hint for reclaim.
 */
static inline void kvm_zap_accessed_to_page(u64 spte, struct page *page)
{
	if (is_accessed_spte(spte) &&
	    !folio_test_referenced(page_folio(page)) && !PageReserved(page))
		mark_page_accessed(page);
}

#else /* !KVM_ZAP_TELLS_PAGE */

static inline struct page *kvm_zap_leaf_page(u64 spte)
{
	return NULL;
}

static inline void kvm_zap_dirty_to_page(u64 spte, struct page *page) { }
static inline void kvm_zap_accessed_to_page(u64 spte, struct page *page) { }

#endif /* KVM_ZAP_TELLS_PAGE */

/* Pass both on. */
static inline void kvm_zap_leaf_to_page(u64 spte)
{
	struct page *page = kvm_zap_leaf_page(spte);

	if (page) {
		kvm_zap_dirty_to_page(spte, page);
		kvm_zap_accessed_to_page(spte, page);
	}
}

#if KVM_ZAP_TELLS_PAGE

/*
 * Tell the pages that the 4K SPTEs in @pt map, and return the number of present SPTEs.
 * @pt is unlinked, but CPUs may still use it.
 *
 * A CPU or a fast page fault may still set bits in an SPTE that is not yet both accessed
 * and dirty. Nobody clears bits: that takes mmu_lock for write or, for dirty logging,
 * slots_lock. So an SPTE that has both bits is read plainly, and others are exchanged for
 * a value that fast page faults leave alone.
 *
 * The alternative, to flush first and read everything plainly, would need a flush for
 * each look whether a lock break is due, because pages have to be told before mmu_lock is
 * released.
 */
static inline unsigned int kvm_zap_leafs_to_pages(tdp_ptep_t pt)
{
	unsigned int i, leafs = 0;
	u64 spte;

	for (i = 0; i < SPTE_ENT_PER_PAGE; i++) {
		spte = kvm_tdp_mmu_read_spte(pt + i);
		if (!is_shadow_present_pte(spte))
			continue;
		if (!is_dirty_spte(spte) || !is_accessed_spte(spte))
			spte = kvm_tdp_mmu_write_spte_atomic(pt + i, FROZEN_SPTE);
		kvm_zap_leaf_to_page(spte);
		leafs++;
	}

	return leafs;
}

#else /* !KVM_ZAP_TELLS_PAGE */

/* No page has to be told: count the present SPTEs, four at a time. */
static inline unsigned int kvm_zap_leafs_to_pages(tdp_ptep_t pt)
{
	const u64 *spte = rcu_dereference(pt), *end = spte + SPTE_ENT_PER_PAGE;
	u64 sum = 0;

	for (; spte < end; spte += 4)
		sum += (READ_ONCE(spte[0]) & SPTE_MMU_PRESENT_MASK) +
		       (READ_ONCE(spte[1]) & SPTE_MMU_PRESENT_MASK) +
		       (READ_ONCE(spte[2]) & SPTE_MMU_PRESENT_MASK) +
		       (READ_ONCE(spte[3]) & SPTE_MMU_PRESENT_MASK);

	return sum / SPTE_MMU_PRESENT_MASK;
}

#endif /* KVM_ZAP_TELLS_PAGE */

#endif /* __KVM_X86_MMU_ZAP_LEAF_H */
