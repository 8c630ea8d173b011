/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stage 2 page tables as the engines of zap policies see them.  hyp/pgtable.c has functions
 * like these, but keeps them static, because it is built for EL2 as well.
 *
 * Each entry that is not 0 holds a reference to the page of the table that it is in.  The
 * allocation of the table holds another one; the entry that leads to the table holds none.
 * Somebody who looks at pages of any kind, for example compaction, may hold one for a moment.
 */
#ifndef __KVM_ARM64_ZAP_TABLE_H
#define __KVM_ARM64_ZAP_TABLE_H

#include <linux/kvm_host.h>
#include <asm/kvm_pgtable.h>

#include "zap_compat.h"

#define ZAP_LAST_LEVEL	KVM_PGTABLE_LAST_LEVEL

/* Set in the entry of a table and, at the last level, of a page; clear in that of a block. */
#define ZAP_PTE_TYPE	BIT(1)

/* At teardown, reschedule each time that this many tables are done. */
#define ZAP_TABLES_PER_RESCHED	512

/* Whether @pte, which is valid or was broken, leads to a table. */
static inline bool zap_is_table(kvm_pte_t pte, u32 level)
{
	return level < ZAP_LAST_LEVEL && (pte & ZAP_PTE_TYPE);
}

/* The PGD.  The engines hold mmu_lock for write, so they do without RCU. */
static inline kvm_pte_t *zap_first_pgd(struct kvm_pgtable *pgt)
{
	return (__force kvm_pte_t *)pgt->pgd;
}

static inline kvm_pte_t *zap_follow(struct kvm_pgtable *pgt, kvm_pte_t pte)
{
	return pgt->mm_ops->phys_to_virt(kvm_pte_to_phys(pte));
}

static inline kvm_pte_t *zap_entry(kvm_pte_t *table, u64 addr, u32 level)
{
	return table + ((addr >> kvm_granule_shift(level)) & (PTRS_PER_PTE - 1));
}

/* The end of the range of @addr's entry, or @end if that comes first. */
static inline u64 zap_entry_end(u64 addr, u64 end, u32 level)
{
	u64 next = ALIGN_DOWN(addr, kvm_granule_size(level)) + kvm_granule_size(level);

	return min(next - 1, end - 1) + 1;
}

/*
 * The page of the PGD that has the entry of @addr; the PGD may be several consecutive pages.
 * One of KVM's chunks (KVM_PGTABLE_MIN_BLOCK_LEVEL) never spans two of them, because stage 2
 * has at least two levels.
 */
static inline kvm_pte_t *zap_pgd(struct kvm_pgtable *pgt, u64 addr)
{
	return zap_first_pgd(pgt) +
	       ALIGN_DOWN(addr >> kvm_granule_shift(pgt->start_level), PTRS_PER_PTE);
}

static inline size_t zap_pgd_pages(struct kvm_pgtable *pgt)
{
	return DIV_ROUND_UP(BIT(pgt->ia_bits - kvm_granule_shift(pgt->start_level)), PTRS_PER_PTE);
}

/*
 * Whether cache lines of dropped pages have to be cleaned.  A guest can bypass the caches
 * with a non-cacheable mapping of its own, unless the CPU has FWB, which overrides that.
 */
static inline bool zap_needs_cmo(struct kvm_pgtable *pgt)
{
	return !kvm_zap_has_cap(ARM64_HAS_STAGE2_FWB) || kvm_zap_is_nofwb(pgt);
}

/*
 * Whether KVM's own code invalidates TLBs of leafs when it is through with a chunk, by range,
 * instead of one by one.
 */
static inline bool zap_defers_tlbis(struct kvm_pgtable *pgt)
{
	return kvm_zap_has_range_tlbi() && !zap_needs_cmo(pgt);
}

/* Whether a leaf's cache lines have to be cleaned if zap_needs_cmo(). */
static inline bool zap_is_cacheable(kvm_pte_t pte)
{
	return (pte & PTE_S2_MEMATTR(0xf)) == PTE_S2_MEMATTR(MT_S2_NORMAL);
}

#endif /* __KVM_ARM64_ZAP_TABLE_H */
