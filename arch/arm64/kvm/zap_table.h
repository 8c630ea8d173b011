/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stage 2 page tables as the engines of zap policies see them: what hyp/pgtable.c, which
 * is built for EL2 as well, keeps to itself.
 *
 * Each entry that is not 0 holds a reference to the page of the table that it is in, and
 * the entry that a table hangs on holds none: of a table's references one is that of its
 * allocation.  Others may hold one for a moment, who look at pages whatever they are.
 */
#ifndef __KVM_ARM64_ZAP_TABLE_H
#define __KVM_ARM64_ZAP_TABLE_H

#include <linux/cpufeature.h>
#include <linux/kvm_host.h>
#include <asm/kvm_pgtable.h>

#define ZAP_LAST_LEVEL	(KVM_PGTABLE_MAX_LEVELS - 1)

/* A table, or at the last level a page; else a block. */
#define ZAP_PTE_TYPE	BIT(1)

/* Whether @pte, which is valid or was until it was broken, is a table's. */
static inline bool zap_is_table(kvm_pte_t pte, u32 level)
{
	return level < ZAP_LAST_LEVEL && (pte & ZAP_PTE_TYPE);
}

static inline kvm_pte_t *zap_follow(struct kvm_pgtable *pgt, kvm_pte_t pte)
{
	return pgt->mm_ops->phys_to_virt(kvm_pte_to_phys(pte));
}

static inline kvm_pte_t *zap_entry(kvm_pte_t *table, u64 addr, u32 level)
{
	return table + ((addr >> kvm_granule_shift(level)) & (PTRS_PER_PTE - 1));
}

/* Where the entry of @addr ends, or @end if that is ahead. */
static inline u64 zap_entry_end(u64 addr, u64 end, u32 level)
{
	u64 next = ALIGN_DOWN(addr, kvm_granule_size(level)) + kvm_granule_size(level);

	return min(next - 1, end - 1) + 1;
}

/*
 * The page of the PGD, which may be several in a row, that @addr is in.  A chunk of KVM's
 * (KVM_PGTABLE_MIN_BLOCK_LEVEL) is in one: stage 2 has two levels at least.
 */
static inline kvm_pte_t *zap_pgd(struct kvm_pgtable *pgt, u64 addr)
{
	return pgt->pgd + ALIGN_DOWN(addr >> kvm_granule_shift(pgt->start_level), PTRS_PER_PTE);
}

static inline size_t zap_pgd_pages(struct kvm_pgtable *pgt)
{
	return DIV_ROUND_UP(BIT(pgt->ia_bits - kvm_granule_shift(pgt->start_level)), PTRS_PER_PTE);
}

/*
 * Whether the cache lines of what goes have to be cleaned: the guest may have written
 * past them, by a mapping of its own that is not cacheable, unless the CPU overrules that.
 */
static inline bool zap_needs_cmo(struct kvm_pgtable *pgt)
{
	return !cpus_have_const_cap(ARM64_HAS_STAGE2_FWB) || (pgt->flags & KVM_PGTABLE_S2_NOFWB);
}

/* Whether those of a leaf have to be, where any have. */
static inline bool zap_is_cacheable(kvm_pte_t pte)
{
	return (pte & PTE_S2_MEMATTR(0xf)) == PTE_S2_MEMATTR(MT_S2_NORMAL);
}

#endif /* __KVM_ARM64_ZAP_TABLE_H */
