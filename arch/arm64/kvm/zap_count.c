// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy walk is KVM's own code, which does not say what it drops: look ahead of it.
 *
 * Exact, for mmu_lock is held for write from here until a chunk is dropped.  The pages of
 * a level 3 table are counted by its references, so it is not read, but where each of them
 * needs cache maintenance, which is far dearer.  Of a reference that is not an entry's
 * there would be a leaf more: nothing but a number depends on it.
 */
#include <linux/kvm_host.h>

#include "zap.h"
#include "zap_table.h"

static unsigned int zap_nr_entries(struct kvm_pgtable *pgt, kvm_pte_t *table)
{
	return pgt->mm_ops->page_count(table) - 1;
}

static void zap_count_leaf(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, kvm_pte_t pte,
			   u32 level)
{
	zap->sptes++;
	if (zap_needs_cmo(pgt) && zap_is_cacheable(pte))
		zap->extras[KVM_ZAP_EXTRA_CMO_PAGES] += kvm_granule_size(level) >> PAGE_SHIFT;
}

/*
 * How many entries of @table go, a block as a whole if a part of it does.  A table that
 * loses all of its entries goes, too.  KVM invalidates TLBs for each entry.
 */
static unsigned int zap_count_entries(struct kvm_zap_record *zap, struct kvm_pgtable *pgt,
				      kvm_pte_t *table, u64 addr, u64 end, u32 level)
{
	unsigned int gone = 0;
	u64 next;

	if (level == ZAP_LAST_LEVEL && end - addr == PTRS_PER_PTE * kvm_granule_size(level) &&
	    !zap_needs_cmo(pgt)) {
		gone = zap_nr_entries(pgt, table);
		zap->sptes += gone;
		goto out;
	}

	for (; addr != end; addr = next) {
		kvm_pte_t *child, pte = READ_ONCE(*zap_entry(table, addr, level));

		next = zap_entry_end(addr, end, level);
		if (!kvm_pte_valid(pte))
			continue;
		if (zap_is_table(pte, level)) {
			child = zap_follow(pgt, pte);
			if (zap_count_entries(zap, pgt, child, addr, next, level + 1) !=
			    zap_nr_entries(pgt, child))
				continue;
			zap->tables++;
		} else {
			zap_count_leaf(zap, pgt, pte, level);
		}
		gone++;
	}
out:
	zap->extras[KVM_ZAP_EXTRA_TLBIS] += gone;
	return gone;
}

/**
 * kvm_zap_count_range() - count what kvm_pgtable_stage2_unmap() is about to drop
 * @zap: the invalidation
 * @pgt: the page table, the VM's mmu_lock held for write
 * @addr: where the range begins
 * @size: how long it is, within one of KVM's chunks
 */
void kvm_zap_count_range(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, u64 addr,
			 u64 size)
{
	zap_count_entries(zap, pgt, zap_pgd(pgt, addr), addr, addr + size, pgt->start_level);
}

static void zap_count_table(struct kvm_zap_record *zap, struct kvm_pgtable *pgt,
			    kvm_pte_t *table, u32 level)
{
	unsigned int i;

	zap->tables++;
	if (level == ZAP_LAST_LEVEL) {
		zap->sptes += zap_nr_entries(pgt, table);
		return;
	}

	for (i = 0; i < PTRS_PER_PTE; i++) {
		kvm_pte_t pte = READ_ONCE(table[i]);

		if (!kvm_pte_valid(pte))
			continue;
		if (zap_is_table(pte, level))
			zap_count_table(zap, pgt, zap_follow(pgt, pte), level + 1);
		else
			zap->sptes++;
	}

	/* As many as KVM gives way after, where it does. */
	if (level == ZAP_LAST_LEVEL - 1)
		cond_resched();
}

/**
 * kvm_zap_count_all() - count what kvm_pgtable_stage2_destroy() is about to drop
 * @zap: the invalidation
 * @pgt: the page table, which is the caller's alone
 */
void kvm_zap_count_all(struct kvm_zap_record *zap, struct kvm_pgtable *pgt)
{
	size_t i;

	for (i = 0; i < zap_pgd_pages(pgt); i++)
		zap_count_table(zap, pgt, pgt->pgd + i * PTRS_PER_PTE, pgt->start_level);
}
