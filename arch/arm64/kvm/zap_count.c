// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy walk is KVM's own code, which does not say what it drops.  So count it before.
 *
 * The counts are exact, because mmu_lock is held for write from here until the chunk is
 * dropped, with one exception.  If a level 3 table goes as a whole and its pages need no
 * cache maintenance, its entries are not read; the reference count of its page says how many
 * there are.  If somebody else holds a reference at that moment, one mapping too many is
 * counted, and so is the table, which stays.  At teardown, nobody else can reach the page
 * table, no lock is held, and all level 3 tables are counted by their references.
 */
#include <linux/kvm_host.h>

#include "zap.h"
#include "zap_table.h"

static unsigned int zap_nr_entries(struct kvm_pgtable *pgt, kvm_pte_t *table)
{
	return pgt->mm_ops->page_count(table) - 1;
}

static void zap_count_block(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, kvm_pte_t pte,
			    u32 level)
{
	zap->sptes++;
	if (zap_needs_cmo(pgt) && zap_is_cacheable(pte))
		zap->extras[KVM_ZAP_EXTRA_CMO_PAGES] += kvm_granule_size(level) >> PAGE_SHIFT;
}

/* Count the pages among @nr entries of a level 3 table: most of the work, hence apart. */
static unsigned int zap_count_pages(struct kvm_zap_record *zap, struct kvm_pgtable *pgt,
				    const kvm_pte_t *ptep, unsigned int nr)
{
	unsigned int gone = 0, cacheable = 0;

	for (; nr; nr--, ptep++) {
		kvm_pte_t pte = READ_ONCE(*ptep);

		if (!kvm_pte_valid(pte))
			continue;
		gone++;
		cacheable += zap_is_cacheable(pte);
	}
	zap->sptes += gone;
	if (zap_needs_cmo(pgt))
		zap->extras[KVM_ZAP_EXTRA_CMO_PAGES] += cacheable;

	return gone;
}

/*
 * Count the entries of @table that KVM drops from @addr to @end.  It drops a block as a whole
 * even if only a part of it is in the range, and a table that loses all of its entries.
 *
 * Return: the number of entries of @table that go.
 */
static unsigned int zap_count_entries(struct kvm_zap_record *zap, struct kvm_pgtable *pgt,
				      kvm_pte_t *table, u64 addr, u64 end, u32 level)
{
	unsigned int gone = 0;
	u64 next;

	if (level == ZAP_LAST_LEVEL) {
		unsigned int nr = (end - addr) >> PAGE_SHIFT;

		if (nr < PTRS_PER_PTE || zap_needs_cmo(pgt)) {
			gone = zap_count_pages(zap, pgt, zap_entry(table, addr, level), nr);
		} else {
			gone = zap_nr_entries(pgt, table);
			zap->sptes += gone;
		}
		return gone;
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
			zap_count_block(zap, pgt, pte, level);
		}
		gone++;
	}

	return gone;
}

/**
 * kvm_zap_count_range() - count what kvm_pgtable_stage2_unmap() is about to drop
 * @zap: the record of the invalidation
 * @pgt: the page table; mmu_lock of its VM is held for write
 * @addr: the beginning of the range, an IPA
 * @size: its length in bytes; the range is within one of KVM's chunks
 *
 * KVM invalidates TLBs for each table and, unless it does that by range in the end, for each leaf.
 */
void kvm_zap_count_range(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, u64 addr,
			 u64 size)
{
	u64 sptes = zap->sptes, tables = zap->tables;

	zap_count_entries(zap, pgt, zap_pgd(pgt, addr), addr, addr + size, pgt->start_level);
	zap->extras[KVM_ZAP_EXTRA_TLBIS] += zap->tables - tables;
	zap->extras[KVM_ZAP_EXTRA_TLBIS] +=
		zap_defers_tlbis(pgt) ? kvm_zap_range_tlbis(size) : zap->sptes - sptes;
}

static void zap_count_table(struct kvm_zap_record *zap, struct kvm_pgtable *pgt,
			    kvm_pte_t *table, u32 level)
{
	unsigned int i;

	if (!(++zap->tables % ZAP_TABLES_PER_RESCHED))
		cond_resched();
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
}

/**
 * kvm_zap_count_all() - count what kvm_pgtable_stage2_destroy() is about to drop
 * @zap: the record of the invalidation
 * @pgt: the page table, which only the caller can reach
 */
void kvm_zap_count_all(struct kvm_zap_record *zap, struct kvm_pgtable *pgt)
{
	size_t i;

	for (i = 0; i < zap_pgd_pages(pgt); i++)
		zap_count_table(zap, pgt, zap_first_pgd(pgt) + i * PTRS_PER_PTE, pgt->start_level);
}
