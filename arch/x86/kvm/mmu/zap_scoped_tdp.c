// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy scoped in the TDP MMU: remove a memslot's part of each root's page
 * tables, with mmu_lock held for read, so that faults elsewhere go on.
 *
 * An entry whose whole range lies in the memslot is removed together with the
 * page tables under it; at the memslot's ends leaf SPTEs go one by one.  Leaf
 * SPTEs never straddle memslots, see kvm_alloc_memslot_metadata().  What makes
 * it sound that vCPUs run on meanwhile is said in zap_scoped.c.
 *
 * A CPU may use an unlinked page table until its TLB is flushed, and a lockless
 * walk may read one until it leaves its RCU read-side critical section.  Hence
 * the order: unlink, flush, and only then call_rcu().  Page tables wait for that
 * on a list.  One flush at the end covers all roots.  The walk flushes before
 * each lock break as well, so that what is told to pages and to MMU notifiers
 * holds whenever mmu_lock is free.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "mmu_internal.h"
#include "mmutrace.h"
#include "tdp_iter.h"
#include "tdp_mmu.h"
#include "zap.h"
#include "zap_leaf.h"
#include "zap_tdp.h"

/* One invalidation's walk of all roots. */
struct zap_tdp {
	struct kvm *kvm;
	const struct kvm_memory_slot *slot;
	struct kvm_mmu_page *root;	/* the one that is walked at present */
	struct list_head unlinked;	/* page tables to free after the flush */
	bool flush;			/* a vCPU may still use what was dropped */
};

static void zap_tdp_table(struct zap_tdp *zap, tdp_ptep_t pt);

static void zap_tdp_account(struct zap_tdp *zap, int level, unsigned int leafs)
{
	if (!leafs)
		return;
	kvm_update_page_stats(zap->kvm, level, -leafs);
	kvm_zap_count_sptes(zap->kvm, leafs);
}

/*
 * Empty a page table of 2M or 1G entries that was unlinked, and say how many
 * leaf SPTEs it had.  The exchange claims a child: the worker that recovers huge
 * pages from NX ones holds mmu_lock for read as well, may take the same child
 * away, and then frees it.
 */
static unsigned int zap_tdp_upper(struct zap_tdp *zap, tdp_ptep_t pt, int level)
{
	unsigned int i, leafs = 0;
	u64 spte;

	for (i = 0; i < SPTE_ENT_PER_PAGE; i++) {
		if (!is_shadow_present_pte(kvm_tdp_mmu_read_spte(pt + i)))
			continue;

		spte = kvm_tdp_mmu_write_spte_atomic(pt + i, FROZEN_SPTE);
		if (KVM_ZAP_NX_WORKER_IS_SHARED && !is_shadow_present_pte(spte))
			continue;

		if (is_last_spte(spte, level)) {
			kvm_zap_leaf_to_page(spte);
			leafs++;
		} else {
			zap_tdp_table(zap, spte_to_child_pt(spte, level));
		}
	}

	return leafs;
}

static void zap_tdp_trace_table(struct zap_tdp *zap, struct kvm_mmu_page *sp)
{
	int i, level = sp->role.level;
	gfn_t gfn = sp->gfn;
	u64 spte;

	for (i = 0; i < SPTE_ENT_PER_PAGE; i++, gfn += KVM_PAGES_PER_HPAGE(level)) {
		spte = READ_ONCE(sp->spt[i]);
		if (is_shadow_present_pte(spte))
			trace_kvm_tdp_mmu_spte_changed(zap->slot->as_id, gfn,
						       level, spte, FROZEN_SPTE);
	}
}

/*
 * Take the page table @pt, to which no entry points any more, and all under it
 * out of KVM's books.
 *
 * SPTEs in it may be left as they are, for no one who could still reach it makes
 * a leaf come or go.  A page fault in the memslot's range is refused, and
 * all of @pt's range lies in the memslot.  Who write-protects, splits, or merges
 * SPTEs, or zaps the roots that a fast zap made invalid, holds slots_lock, as
 * the caller does; MMU notifiers hold mmu_lock for write.  A fast page fault,
 * lockless aging, and a CPU by its TLB change bits of a leaf that is present,
 * and it stays a leaf.
 */
static void zap_tdp_table(struct zap_tdp *zap, tdp_ptep_t pt)
{
	struct kvm_mmu_page *sp = sptep_to_sp(rcu_dereference(pt));
	int level = sp->role.level;

	trace_kvm_mmu_prepare_zap_page(sp);
	kvm_zap_tdp_unlink_sp(zap->kvm, sp, true);
	list_add(&sp->link, &zap->unlinked);

	if (trace_kvm_tdp_mmu_spte_changed_enabled())
		zap_tdp_trace_table(zap, sp);

	zap_tdp_account(zap, level, level == PG_LEVEL_4K ?
				    kvm_zap_leafs_to_pages(pt) :
				    zap_tdp_upper(zap, pt, level));
}

/*
 * Remove the entry that @iter is at, with all that is under it.
 *
 * No vCPU uses an invalid root, nor is one kicked for it.  Who marks a root
 * invalid holds mmu_lock for write until all vCPUs have left the guest and have a
 * request to drop the root (kvm_mmu_zap_all_fast()), and kvm_mmu_load() flushes
 * the TLB before a vCPU enters the guest with another one.
 */
static void zap_tdp_entry(struct zap_tdp *zap, struct tdp_iter *iter)
{
	u64 *sptep = rcu_dereference(iter->sptep);

	/* It changes under this when a fast page fault makes it writable. */
	while (!try_cmpxchg64(sptep, &iter->old_spte, SHADOW_NONPRESENT_VALUE))
		if (!is_shadow_present_pte(iter->old_spte))
			return;

	trace_kvm_tdp_mmu_spte_changed(zap->slot->as_id, iter->gfn,
				       iter->level, iter->old_spte,
				       SHADOW_NONPRESENT_VALUE);
	zap->flush |= !zap->root->role.invalid;
	if (is_last_spte(iter->old_spte, iter->level)) {
		kvm_zap_leaf_to_page(iter->old_spte);
		zap_tdp_account(zap, iter->level, 1);
	} else {
		zap_tdp_table(zap, spte_to_child_pt(iter->old_spte, iter->level));
	}
}

/* Flush the TLBs if need be, and say whether it was. */
static bool zap_tdp_flush(struct zap_tdp *zap)
{
	bool flush = zap->flush;

	if (flush)
		kvm_flush_remote_tlbs_range(zap->kvm, zap->slot->base_gfn,
					    zap->slot->npages);
	zap->flush = false;
	return flush;
}

/*
 * Walk down to @min_level, and remove each entry of at most @max_level that
 * lies in the memslot.
 */
static void zap_tdp_walk(struct zap_tdp *zap, int min_level, int max_level)
{
	gfn_t start = zap->slot->base_gfn, end = start + zap->slot->npages;
	struct tdp_iter iter;

	/*
	 * The host's physical addresses may be wider than what the root maps.
	 * From there on the walk would come to other memory's entries.
	 */
	end = min_t(gfn_t, end, KVM_PAGES_PER_HPAGE(zap->root->role.level + 1));
	if (start >= end)
		return;

	for_each_kvm_zap_tdp_pte(iter, zap->kvm, zap->root, min_level, start, end) {
		if (kvm_zap_tdp_wants_break(zap->kvm, &iter)) {
			zap_tdp_flush(zap);
			kvm_zap_tdp_break(zap->kvm, &iter, true);
			continue;
		}

		if (is_shadow_present_pte(iter.old_spte) &&
		    iter.level <= max_level && iter.gfn >= start &&
		    iter.gfn + KVM_PAGES_PER_HPAGE(iter.level) <= end)
			zap_tdp_entry(zap, &iter);
	}
}

/*
 * 2M by 2M first, so that no step takes long; what goes at 1G is page tables
 * without leafs by then, and 1G leafs.
 */
static void zap_tdp_root(struct zap_tdp *zap)
{
	gfn_t start = zap->slot->base_gfn, end = start + zap->slot->npages;
	gfn_t gib = KVM_PAGES_PER_HPAGE(PG_LEVEL_1G);

	/* Page tables on the walk's way may go, too: the NX worker's do. */
	rcu_read_lock();
	zap_tdp_walk(zap, PG_LEVEL_4K, PG_LEVEL_2M);
	if (ALIGN(start, gib) + gib <= end)
		zap_tdp_walk(zap, PG_LEVEL_1G, PG_LEVEL_1G);
	rcu_read_unlock();
}

/*
 * Another one who holds mmu_lock for read may have dropped an entry before the
 * walk came there, and flush later: once the memslot is gone, no MMU notifier
 * waits for that flush.  Flush for it.  Whoever does so flushes before it gives
 * mmu_lock up.  So if nobody holds the lock now, that is done already.
 */
static void zap_tdp_flush_for_others(struct zap_tdp *zap)
{
	if (write_trylock(&zap->kvm->mmu_lock)) {
		write_unlock(&zap->kvm->mmu_lock);
		return;
	}
	zap->flush = true;
	zap_tdp_flush(zap);
}

/* Nobody waits for mmu_lock here, be there ever so many page tables. */
static void zap_tdp_free(struct zap_tdp *zap)
{
	struct kvm_mmu_page *sp, *next;

	list_for_each_entry_safe(sp, next, &zap->unlinked, link) {
		call_rcu(&sp->rcu_head, tdp_mmu_free_sp_rcu_callback);
		cond_resched();
	}
}

/**
 * kvm_zap_scoped_tdp() - drop a memslot's mappings in the TDP MMU
 * @kvm: the VM, its slots_lock held
 * @slot: the memslot, marked invalid
 *
 * Takes mmu_lock for read, never waits for it for write.
 */
void kvm_zap_scoped_tdp(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	struct zap_tdp zap = {
		.kvm = kvm,
		.slot = slot,
		.unlinked = LIST_HEAD_INIT(zap.unlinked),
	};
	struct kvm_mmu_page *root = NULL;
	bool flushed;

	read_lock(&kvm->mmu_lock);
	/* Invalid roots as well: a vCPU may not have let go of one yet. */
	while ((root = kvm_zap_tdp_next_root(kvm, root, true))) {
		if (kvm_mmu_page_as_id(root) != slot->as_id)
			continue;
		zap.root = root;
		zap_tdp_root(&zap);
	}
	flushed = zap_tdp_flush(&zap);
	read_unlock(&kvm->mmu_lock);

	if (KVM_ZAP_NX_WORKER_IS_SHARED && !flushed)
		zap_tdp_flush_for_others(&zap);
	zap_tdp_free(&zap);
}
