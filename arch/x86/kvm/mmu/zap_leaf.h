/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory behind a leaf SPTE is told when the SPTE goes: nothing on a
 * kernel line that told it all when the SPTE was made, see KVM_ZAP_TELLS_PAGE.
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
 * The page that a leaf maps, NULL where it has no struct page to tell.  As
 * kvm_set_pfn_dirty() does, but once for all there is to tell: to look it up is
 * a third of what a leaf costs.
 */
static inline struct page *kvm_zap_leaf_page(u64 spte)
{
	kvm_pfn_t pfn = spte_to_pfn(spte);

	return pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

/*
 * Pass on that the guest has written to the page.  To set PG_dirty where it is
 * set would change nothing, but is atomic; reserved pages are their owner's.
 */
static inline void kvm_zap_dirty_to_page(u64 spte, struct page *page)
{
	if (is_dirty_spte(spte) && !PageDirty(page) && !PageReserved(page))
		SetPageDirty(page);
}

/*
 * Pass on that the guest has used the page.  One that has PG_referenced would be
 * activated; that is a hint for reclaim, and for memory that just lost its
 * memslot one reference is enough of it.
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

/* Both. */
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
 * Tell the pages that the 4K SPTEs in @pt map, a page table that was unlinked but
 * may still be in use by CPUs, and return how many there are.
 *
 * A CPU, or a fast page fault, may add to what an SPTE says as long as it does
 * not say that the page was both used and written to; nothing is taken back, for
 * whoever does that holds mmu_lock for write or, as dirty logging, slots_lock. So most
 * are read plainly, and only those that may say more are exchanged, for a value that a
 * fast page fault leaves alone.
 *
 * To flush first and then read all plainly would need a flush for each look at
 * who waits for mmu_lock, for pages have to be told before it is given up.
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

/* No page has to be told: count the SPTEs that are present, four at a time. */
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
