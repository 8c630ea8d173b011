// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy bulk: one TLB invalidation for a chunk of stage 2 instead of one for each page.
 *
 * For each entry, KVM's own code clears the entry, invalidates the TLBs, cleans the cache
 * lines of the page if the CPU needs it, and only then goes on to the next entry.  The order
 * of these steps matters, because cache lines can be filled, and a page can be written,
 * for as long as a TLB has the entry.  But each step can be done for a whole chunk at once:
 *
 * 1. Break: make each entry of the chunk invalid.  If all entries of a table go, only the
 *    entry that leads to the table is made invalid.  An invalid entry keeps its address, so
 *    nothing else has to remember it.
 * 2. Invalidate the TLBs of the chunk, or of one IPA if only one leaf was broken.  From here on,
 *    no CPU uses the memory or the tables that the broken entries led to.
 * 3. Reap: clean cache lines, clear the entries, free the tables.
 *
 * Nobody sees a broken entry: everyone who reads or writes stage 2 holds mmu_lock, at least
 * for read, and it is held for write here from the first step to the last.  The pages
 * remain allocated until their cache lines have been cleaned, because an MMU notifier takes
 * mmu_lock before they may be freed.  A CPU sets an access flag only in a valid entry; the
 * flag is lost with the entry, as with KVM's own code.
 *
 * When a VM goes away, no CPU can walk its stage 2 any more, see
 * kvm_pgtable_stage2_destroy().  TLBs may still have entries, for a VMID that is not used
 * again before they are invalidated.  So the tables are freed, and what they map is not
 * looked at.
 */
#include <linux/kvm_host.h>
#include <linux/page_ref.h>
#include <asm/kvm_asm.h>
#include <asm/kvm_mmu.h>

#include "zap.h"
#include "zap_table.h"

/*
 * struct zap_bulk - what is dropped, and how
 * @zap: the record of the invalidation
 * @pgt: the page table
 * @cmo: whether cache lines have to be cleaned
 * @elide: whether those of pages that die need not
 * @may_sleep: whether to reschedule between tables
 * @whole: whether any table was broken as it is, with whatever it leads to
 * @leafs: leafs broken beside those
 * @addr: the IPA of the first of @leafs
 * @level: its level, or TLBI_TTL_UNKNOWN if tables were broken with it
 */
struct zap_bulk {
	struct kvm_zap_record *zap;
	struct kvm_pgtable *pgt;
	bool cmo;
	bool elide;
	bool may_sleep;
	bool whole;
	unsigned int leafs;
	u64 addr;
	int level;
};

/*
 * Whether to look for the leaf of a table that goes as a whole: it may be the only one of the
 * chunk.  Its table has one entry then, and one reference for it.
 */
static bool zap_has_one(const struct zap_bulk *bulk, kvm_pte_t *table)
{
	return !bulk->whole && !bulk->leafs && bulk->pgt->mm_ops->page_count(table) == 2;
}

static unsigned int zap_break(struct zap_bulk *bulk, kvm_pte_t *table, u64 addr, u64 end,
			      u32 level);

/* Break what is in a child table, from @addr to @end.  Return whether it loses all entries. */
static bool zap_break_child(struct zap_bulk *bulk, kvm_pte_t *child, u64 addr, u64 end,
			    u32 level)
{
	unsigned int gone;

	if (end - addr == kvm_granule_size(level) && !zap_has_one(bulk, child)) {
		bulk->whole = true;
		return true;
	}

	gone = zap_break(bulk, child, addr, end, level + 1);
	if (gone + 1 != bulk->pgt->mm_ops->page_count(child))
		return false;

	/* One that was empty before does not lead to the leaf. */
	bulk->whole |= !gone;
	bulk->level = TLBI_TTL_UNKNOWN;
	return true;
}

/*
 * Break the entries of @table from @addr to @end.  A block is broken as a whole even if only
 * a part of it is in the range.  A child table that loses all of its entries is broken as
 * well.  One that is partly out of the range stays, empty, if somebody else holds a reference
 * to its page.
 *
 * Return: the number of entries of @table that were broken.
 */
static unsigned int zap_break(struct zap_bulk *bulk, kvm_pte_t *table, u64 addr, u64 end,
			      u32 level)
{
	unsigned int gone = 0;
	u64 next;

	for (; addr != end; addr = next) {
		kvm_pte_t *ptep = zap_entry(table, addr, level), pte = READ_ONCE(*ptep);

		next = zap_entry_end(addr, end, level);
		if (!kvm_pte_valid(pte))
			continue;
		if (!zap_is_table(pte, level)) {
			if (!bulk->leafs++) {
				bulk->addr = addr;
				bulk->level = level;
			}
		} else if (!zap_break_child(bulk, zap_follow(bulk->pgt, pte), addr, next, level)) {
			continue;
		}
		WRITE_ONCE(*ptep, pte & ~(kvm_pte_t)KVM_PTE_VALID);
		gone++;
	}

	return gone;
}

/*
 * Invalidate the TLBs of the chunk from @addr on, or, like KVM's own code, those of one IPA if
 * there was one leaf.  This includes the tables that were broken, which are on the way to these
 * IPAs: neither a range nor TLBI_TTL_UNKNOWN is about leafs alone.  Of a block that is partly in
 * the range, all TLB entries go.  Without instructions for ranges, the TLBs of the VM are
 * invalidated.  Either way, the barriers of the invalidation order it after the writes of the
 * entries.
 */
static void zap_invalidate(struct zap_bulk *bulk, struct kvm *kvm, u64 addr, u64 size)
{
	u64 tlbis = 1;

	if (bulk->leafs == 1 && !bulk->whole) {
		kvm_call_hyp(__kvm_tlb_flush_vmid_ipa, bulk->pgt->mmu, bulk->addr, bulk->level);
	} else if (kvm_zap_has_range_tlbi()) {
		kvm_tlb_flush_vmid_range(bulk->pgt->mmu, addr, size);
		tlbis = kvm_zap_range_tlbis(size);
	} else {
		kvm_flush_remote_tlbs(kvm);
	}
	bulk->zap->extras[KVM_ZAP_EXTRA_TLBIS] += tlbis;
}

static __always_inline void zap_clean_leaf(struct zap_bulk *bulk, kvm_pte_t pte, u64 size)
{
	bulk->zap->extras[KVM_ZAP_EXTRA_CMO_PAGES] += size >> PAGE_SHIFT;
	bulk->pgt->mm_ops->dcache_clean_inval_poc(zap_follow(bulk->pgt, pte), size);
}

/* Not inline, or each leaf of policy bulk is dearer. */
static noinline void zap_elide_leaf(struct zap_bulk *bulk, kvm_pte_t pte, u64 size)
{
	if (kvm_zap_is_dying(kvm_pte_to_phys(pte), size))
		bulk->zap->extras[KVM_ZAP_EXTRA_ELIDED] += size >> PAGE_SHIFT;
	else
		zap_clean_leaf(bulk, pte, size);
}

static void zap_reap_leaf(struct zap_bulk *bulk, kvm_pte_t pte, u32 level)
{
	u64 size = kvm_granule_size(level);

	bulk->zap->sptes++;
	if (!bulk->cmo || !zap_is_cacheable(pte))
		return;

	if (bulk->elide)
		zap_elide_leaf(bulk, pte, size);
	else
		zap_clean_leaf(bulk, pte, size);
}

/*
 * Count the entries of a level 3 table that nobody else can see any more.  The reference
 * count would not do: a reference of somebody else would be dropped with those of the
 * entries.  Each entry has its type bit, broken or not.  Most tables are full, and the first
 * loop recognizes these with half of the instructions.
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

/* Reap what the entries of @table map or lead to.  Return the number of entries. */
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

/* Free a table that no entry leads to any more, and everything below it. */
static void zap_free_table(struct zap_bulk *bulk, kvm_pte_t *table, u32 level)
{
	unsigned int nr = zap_reap_table(bulk, table, level);

	/*
	 * KVM's function drops the last reference, and does the accounting.  If another task has
	 * one for a moment, as one that looks for pages to split has, the table is freed by that
	 * task, and stays in the account.
	 */
	page_ref_sub(virt_to_page(table), nr);
	bulk->pgt->mm_ops->put_page(table);
	bulk->zap->tables++;

	if (bulk->may_sleep && !(bulk->zap->tables % ZAP_TABLES_PER_RESCHED))
		cond_resched();
}

/*
 * Reap what zap_break() has broken: all entries of the range that are invalid and not 0.
 * Stage 2 of a guest has no other such entries; those that name the owner of a page exist
 * only in the stage 2 of the host, and one that newer kernels lock while they replace it has
 * been replaced before mmu_lock was released.
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
 * @zap: the record of the invalidation
 * @pgt: the page table; mmu_lock of its VM is held for write
 * @addr: the beginning of the range, an IPA
 * @size: its length in bytes; the range is within one of KVM's chunks
 * @gone: whether pages may die with their mappings, see kvm_zap_is_gone()
 *
 * Replaces kvm_pgtable_stage2_unmap().
 */
void kvm_zap_bulk_range(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, u64 addr,
			u64 size, bool gone)
{
	struct zap_bulk bulk = {
		.zap = zap,
		.pgt = pgt,
		.cmo = zap_needs_cmo(pgt),
		.elide = gone,
	};
	struct kvm *kvm = kvm_s2_mmu_to_kvm(pgt->mmu);
	kvm_pte_t *pgd = zap_pgd(pgt, addr);
	u64 end = addr + size;

	lockdep_assert_held_write(&kvm->mmu_lock);

	zap_break(&bulk, pgd, addr, end, pgt->start_level);
	/*
	 * Nobody invalidates an entry and leaves it to others to flush it: KVM does so before it
	 * releases mmu_lock, and so does the fault handler, which holds it for read.
	 */
	if (!bulk.leafs && !bulk.whole)
		return;

	zap_invalidate(&bulk, kvm, addr, size);
	zap_reap(&bulk, pgd, addr, end, pgt->start_level);
}

/**
 * kvm_zap_bulk_all() - free stage 2 of a VM that goes away
 * @zap: the record of the invalidation
 * @pgt: the page table, which only the caller can reach
 *
 * Replaces kvm_pgtable_stage2_destroy().
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
		kvm_pte_t *pgd = zap_first_pgd(pgt) + i * PTRS_PER_PTE;

		page_ref_sub(virt_to_page(pgd), zap_reap_table(&bulk, pgd, pgt->start_level));
	}
	zap->tables += pages;
	pgt->mm_ops->free_pages_exact(zap_first_pgd(pgt), pages * PAGE_SIZE);
	pgt->pgd = NULL;
}
