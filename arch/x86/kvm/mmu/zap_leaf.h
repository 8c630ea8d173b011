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

#endif /* __KVM_X86_MMU_ZAP_LEAF_H */
