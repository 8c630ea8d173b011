// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy bulk: one TLB invalidation for a chunk of stage 2, in place of one a page.
 *
 * KVM's own code empties an entry, invalidates TLBs, cleans the page's cache lines where
 * that is needed, and goes on to the next one.  Only the order matters: cache lines could
 * be filled, and a page be written, for as long as a TLB has the entry.  So here each step
 * is made for a whole chunk:
 *
 * 1. break: make invalid each entry that goes, a table's as it is where all of it goes. An
 *    invalid entry keeps its address, so nothing else has to remember it.
 * 2. Invalidate the TLBs of the VM.  From here on no CPU uses what the entries led to, be
 *    it memory or a table.
 * 3. reap: clean cache lines, empty the entries, free the tables.
 *
 * Nobody sees a broken entry: whoever reads or writes stage 2 holds mmu_lock, for read at
 * least, and here it is held for write from the first step to the last.  The pages are
 * still there when their cache lines are cleaned: an MMU notifier wants mmu_lock before
 * they may go.  A CPU that sets an access flag does so in an entry that is valid, and the
 * flag is lost with it, as by KVM's own code.
 *
 * Where a VM goes away there is no CPU that has its entries, or could get any, see
 * kvm_pgtable_stage2_destroy(): the tables are freed, and what they map is not looked at.
 */
#include <linux/kvm_host.h>
#include <linux/page_ref.h>
#include <asm/kvm_asm.h>
#include <asm/kvm_mmu.h>

#include "zap.h"
#include "zap_table.h"

/*
 * struct zap_bulk - what goes, and how
 * @zap: the invalidation
 * @pgt: the page table
 * @cmo: whether cache lines are cleaned
 * @may_sleep: whether others may have the CPU in between
 * @broken: whether any entry was broken
 */
struct zap_bulk {
	struct kvm_zap_record *zap;
	struct kvm_pgtable *pgt;
	bool cmo;
	bool may_sleep;
	bool broken;
};

/*
 * Break what goes of @table, a block as a whole if a part of it does.  A table of which
 * all entries go goes, too: with a reference of somebody else's it would stay, empty.
 *
 * Return: how many entries of @table go.
 */
static unsigned int zap_break(struct zap_bulk *bulk, kvm_pte_t *table, u64 addr, u64 end,
			      u32 level)
{
	struct kvm_pgtable *pgt = bulk->pgt;
	unsigned int gone = 0;
	u64 next;

	for (; addr != end; addr = next) {
		kvm_pte_t *child, *ptep = zap_entry(table, addr, level);
		kvm_pte_t pte = READ_ONCE(*ptep);

		next = zap_entry_end(addr, end, level);
		if (!kvm_pte_valid(pte))
			continue;
		if (zap_is_table(pte, level) && next - addr != kvm_granule_size(level)) {
			child = zap_follow(pgt, pte);
			if (zap_break(bulk, child, addr, next, level + 1) + 1 !=
			    pgt->mm_ops->page_count(child))
				continue;
		}
		WRITE_ONCE(*ptep, pte & ~(kvm_pte_t)KVM_PTE_VALID);
		bulk->broken = true;
		gone++;
	}

	return gone;
}

static void zap_reap_leaf(struct zap_bulk *bulk, kvm_pte_t pte, u32 level)
{
	u64 size = kvm_granule_size(level);

	bulk->zap->sptes++;
	if (!bulk->cmo || !zap_is_cacheable(pte))
		return;

	bulk->zap->extras[KVM_ZAP_EXTRA_CMO_PAGES] += size >> PAGE_SHIFT;
	bulk->pgt->mm_ops->dcache_clean_inval_poc(zap_follow(bulk->pgt, pte), size);
}

/*
 * How many entries a level 3 table has that nobody else sees any more.  Not by its
 * references: one of somebody else's would be dropped with those of the entries.  Each has
 * its type, be it broken or not; a full table, most are, takes half of the instructions.
 */
static unsigned int zap_nr_pages(const kvm_pte_t *table)
{
	kvm_pte_t all = ZAP_PTE_TYPE;
	unsigned int i, nr = 0;

	for (i = 0; i < PTRS_PER_PTE; i += 8)
		all &= table[i] & table[i + 1] & table[i + 2] & table[i + 3] &
		       table[i + 4] & table[i + 5] & table[i + 6] & table[i + 7];
	if (all)
		return PTRS_PER_PTE;

	for (i = 0; i < PTRS_PER_PTE; i++)
		nr += !!table[i];

	return nr;
}

static void zap_free_table(struct zap_bulk *bulk, kvm_pte_t *table, u32 level);

/* What is below the entries of @table; how many there are. */
static unsigned int zap_reap_table(struct zap_bulk *bulk, kvm_pte_t *table, u32 level)
{
	unsigned int i, nr = 0;

	if (level == ZAP_LAST_LEVEL && !bulk->cmo) {
		nr = zap_nr_pages(table);
		bulk->zap->sptes += nr;
		return nr;
	}

	for (i = 0; i < PTRS_PER_PTE; i++) {
		kvm_pte_t pte = table[i];

		if (!pte)
			continue;
		nr++;
		if (zap_is_table(pte, level))
			zap_free_table(bulk, zap_follow(bulk->pgt, pte), level + 1);
		else
			zap_reap_leaf(bulk, pte, level);
	}

	return nr;
}

/* Free a table that nothing leads to any more, and what is below it. */
static void zap_free_table(struct zap_bulk *bulk, kvm_pte_t *table, u32 level)
{
	unsigned int nr = zap_reap_table(bulk, table, level);

	/* The last reference is KVM's to drop, for its accounting. */
	page_ref_sub(virt_to_page(table), nr);
	bulk->pgt->mm_ops->put_page(table);
	bulk->zap->tables++;

	if (bulk->may_sleep && level == ZAP_LAST_LEVEL - 1)
		cond_resched();
}

/*
 * Reap what zap_break() has broken: in a range, all that is invalid and not 0.  The stage
 * 2 of a guest has no such entries else, those that say who owns a page are the host's.
 */
static void zap_reap(struct zap_bulk *bulk, kvm_pte_t *table, u64 addr, u64 end, u32 level)
{
	struct kvm_pgtable *pgt = bulk->pgt;
	u64 next;

	for (; addr != end; addr = next) {
		kvm_pte_t *ptep = zap_entry(table, addr, level), pte = READ_ONCE(*ptep);

		next = zap_entry_end(addr, end, level);
		if (kvm_pte_valid(pte)) {
			if (zap_is_table(pte, level))
				zap_reap(bulk, zap_follow(pgt, pte), addr, next, level + 1);
			continue;
		}
		if (!pte)
			continue;
		WRITE_ONCE(*ptep, 0);
		pgt->mm_ops->put_page(ptep);
		if (zap_is_table(pte, level))
			zap_free_table(bulk, zap_follow(pgt, pte), level + 1);
		else
			zap_reap_leaf(bulk, pte, level);
	}
}

/**
 * kvm_zap_bulk_range() - drop a chunk of stage 2
 * @zap: the invalidation
 * @pgt: the page table, the VM's mmu_lock held for write
 * @addr: where the range begins
 * @size: how long it is, within one of KVM's chunks
 *
 * In place of kvm_pgtable_stage2_unmap().
 */
void kvm_zap_bulk_range(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, u64 addr,
			u64 size)
{
	struct zap_bulk bulk = {
		.zap = zap,
		.pgt = pgt,
		.cmo = zap_needs_cmo(pgt),
	};
	kvm_pte_t *pgd = zap_pgd(pgt, addr);
	u64 end = addr + size;

	lockdep_assert_held_write(&kvm_s2_mmu_to_kvm(pgt->mmu)->mmu_lock);

	zap_break(&bulk, pgd, addr, end, pgt->start_level);
	if (!bulk.broken)
		return;

	/* It waits for what was written before to be seen by page-table walks. */
	kvm_call_hyp(__kvm_tlb_flush_vmid, pgt->mmu);
	zap->extras[KVM_ZAP_EXTRA_TLBIS]++;
	zap_reap(&bulk, pgd, addr, end, pgt->start_level);
}

/**
 * kvm_zap_bulk_all() - free stage 2 of a VM that goes away
 * @zap: the invalidation
 * @pgt: the page table, which is the caller's alone
 *
 * In place of kvm_pgtable_stage2_destroy().
 */
void kvm_zap_bulk_all(struct kvm_zap_record *zap, struct kvm_pgtable *pgt)
{
	struct zap_bulk bulk = {
		.zap = zap,
		.pgt = pgt,
		.may_sleep = true,
	};
	size_t i, pages = zap_pgd_pages(pgt);

	might_sleep();

	for (i = 0; i < pages; i++) {
		kvm_pte_t *pgd = pgt->pgd + i * PTRS_PER_PTE;

		page_ref_sub(virt_to_page(pgd), zap_reap_table(&bulk, pgd, pgt->start_level));
	}
	zap->tables += pages;
	pgt->mm_ops->free_pages_exact(pgt->pgd, pages * PAGE_SIZE);
	pgt->pgd = NULL;
}
