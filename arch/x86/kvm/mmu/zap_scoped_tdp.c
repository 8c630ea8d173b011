// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy scoped in the TDP MMU: remove a memslot's part of each root's page tables.
 * mmu_lock is held for read, so vCPUs can handle faults elsewhere in the meantime.
 *
 * An entry whose whole range lies in the memslot is removed together with the page
 * tables below it. At the ends of the memslot, leaf SPTEs are removed one by one. A
 * leaf SPTE never straddles two memslots, see kvm_alloc_memslot_metadata().
 * zap_scoped.c explains why it is safe that vCPUs keep running.
 *
 * A CPU may use an unlinked page table until its TLB is flushed, and a lockless walk
 * may read one until it leaves its RCU read-side critical section. Hence the order:
 * unlink, flush, and only then call_rcu(). Until then, unlinked page tables are on a
 * list. One flush at the end covers all roots. The walk also flushes before each
 * lock break: whoever takes mmu_lock next may rely on no TLB having what KVM has dropped.
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

/* The state of one invalidation, for all roots. */
struct zap_tdp {
	struct kvm *kvm;
	const struct kvm_memory_slot *slot;
	struct kvm_mmu_page *root;	/* the root that is being walked */
	struct list_head unlinked;	/* page tables to free after the flush */
	bool flush;			/* a TLB may still have what was dropped */
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
 * Empty an unlinked page table of 2M or 1G entries, and return how many leaf SPTEs it
 * had. The exchange claims a child: NX huge page recovery also holds mmu_lock for
 * read, and may remove and free the same child.
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
 * Remove the unlinked page table @pt, and all page tables below it, from KVM's
 * accounting.
 *
 * Its SPTEs need not be cleared. Nobody who can still reach @pt adds or removes a
 * leaf: page faults in the memslot's range, which contains all of @pt's range, are
 * refused. Write protection, splitting and merging of SPTEs, and the zap of roots that
 * a fast zap invalidated, need slots_lock, which the caller holds. MMU notifiers
 * take mmu_lock for write. Fast page faults, lockless aging and the CPU setting
 * accessed and dirty bits only change bits of a leaf that stays present.
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
 * Remove the entry at @iter with everything below it.
 *
 * An invalid root needs no flush, because no vCPU runs on it. kvm_mmu_zap_all_fast()
 * holds mmu_lock for write until all vCPUs have left the guest and have a request to
 * drop the invalid root, and kvm_mmu_load() flushes the TLB before a vCPU enters the
 * guest with another one.
 */
static void zap_tdp_entry(struct zap_tdp *zap, struct tdp_iter *iter)
{
	u64 *sptep = rcu_dereference(iter->sptep);

	/* A fast page fault may make the SPTE writable at the same time. */
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

/* Flush the TLBs if something was dropped. Return whether it was. */
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
 * Walk down to @min_level, and remove each entry that lies in the memslot and whose
 * level is at most @max_level.
 */
static void zap_tdp_walk(struct zap_tdp *zap, int min_level, int max_level)
{
	gfn_t start = zap->slot->base_gfn, end = start + zap->slot->npages;
	struct tdp_iter iter;

	/*
	 * The host's physical addresses may be wider than the range that the root
	 * maps. Beyond that range, the walk would wrap around to other memory.
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
 * Remove 2M entries first, so that no single step takes long. Entries of 1G then have
 * no leafs below them, or are leafs themselves.
 */
static void zap_tdp_root(struct zap_tdp *zap)
{
	gfn_t start = zap->slot->base_gfn, end = start + zap->slot->npages;
	gfn_t gib = KVM_PAGES_PER_HPAGE(PG_LEVEL_1G);

	/* NX huge page recovery may remove page tables that the walk passes. */
	rcu_read_lock();
	zap_tdp_walk(zap, PG_LEVEL_4K, PG_LEVEL_2M);
	if (ALIGN(start, gib) + gib <= end)
		zap_tdp_walk(zap, PG_LEVEL_1G, PG_LEVEL_1G);
	rcu_read_unlock();
}

/*
 * Whether another holder of mmu_lock for read may have dropped an SPTE of the memslot before
 * the walk got there, and not have flushed yet: the NX huge page worker, if it has ever had page
 * tables of this VM to remove. If it can remove a page table of the memslot, the fault that made
 * that one has put it on the worker's list in a read-side critical section of SRCU, and the
 * caller has waited for the end of these since the memslot was marked invalid.
 */
static bool zap_tdp_may_miss(struct zap_tdp *zap)
{
	return KVM_ZAP_NX_WORKER_IS_SHARED && READ_ONCE(zap->kvm->zap->arch.nx);
}

/*
 * Once the memslot is gone, no MMU notifier waits for the flush of who has dropped an SPTE, so
 * flush on its behalf. It flushes before it releases mmu_lock: if nobody holds the lock now, the
 * flush has been done.
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

/* mmu_lock is not held, so the number of page tables does not matter. */
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
 * Takes mmu_lock for read. Never waits for it for write.
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
	/* Invalid roots, too: a vCPU may not have dropped its reference yet. */
	while ((root = kvm_zap_tdp_next_root(kvm, root, true))) {
		if (kvm_mmu_page_as_id(root) != slot->as_id)
			continue;
		zap.root = root;
		zap_tdp_root(&zap);
	}
	flushed = zap_tdp_flush(&zap);
	read_unlock(&kvm->mmu_lock);

	if (!flushed && zap_tdp_may_miss(&zap))
		zap_tdp_flush_for_others(&zap);
	zap_tdp_free(&zap);
}
