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
 * Page tables that were unlinked may still be read by a lockless walk, and be
 * used by a CPU until its TLB is flushed.  Hence the order: unlink, flush, and
 * only then leave the RCU critical section that the page tables' freeing by
 * call_rcu() waits for.
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

/* The walk of one root. */
struct zap_tdp {
	struct kvm *kvm;
	const struct kvm_memory_slot *slot;
	bool flush;		/* dropped something that is not flushed yet */
};

/*
 * Empty the page table @pt, which no entry points to any more, and all under
 * it, and have them freed.  The exchange is atomic because the CPU may still
 * set bits of a leaf SPTE through its TLB and a fast page fault may still make
 * it writable; FROZEN_SPTE makes the latter fail.  An entry that is not present
 * stays so and needs neither.  It may become so: the worker that recovers huge
 * pages from NX ones may take a page table under this one away, and then it is
 * the one who frees that.
 */
static void zap_tdp_table(struct zap_tdp *zap, tdp_ptep_t pt)
{
	struct kvm_mmu_page *sp = sptep_to_sp(rcu_dereference(pt));
	int i, level = sp->role.level, leafs = 0;
	gfn_t gfn = sp->gfn;
	u64 spte;

	trace_kvm_mmu_prepare_zap_page(sp);
	kvm_zap_tdp_unlink_sp(zap->kvm, sp, true);

	for (i = 0; i < SPTE_ENT_PER_PAGE; i++, gfn += KVM_PAGES_PER_HPAGE(level)) {
		if (!is_shadow_present_pte(kvm_tdp_mmu_read_spte(pt + i)))
			continue;

		spte = kvm_tdp_mmu_write_spte_atomic(pt + i, FROZEN_SPTE);
		if (KVM_ZAP_NX_WORKER_IS_SHARED && !is_shadow_present_pte(spte))
			continue;

		trace_kvm_tdp_mmu_spte_changed(zap->slot->as_id, gfn, level,
					       spte, FROZEN_SPTE);
		if (is_last_spte(spte, level)) {
			kvm_zap_leaf_to_page(spte);
			leafs++;
		} else {
			zap_tdp_table(zap, spte_to_child_pt(spte, level));
		}
	}

	if (leafs) {
		kvm_update_page_stats(zap->kvm, level, -leafs);
		kvm_zap_count_sptes(zap->kvm, leafs);
	}
	call_rcu(&sp->rcu_head, tdp_mmu_free_sp_rcu_callback);
}

/* Remove the entry that @iter is at, with all that is under it. */
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
	zap->flush = true;
	if (is_last_spte(iter->old_spte, iter->level)) {
		kvm_zap_leaf_to_page(iter->old_spte);
		kvm_update_page_stats(zap->kvm, iter->level, -1);
		kvm_zap_count_sptes(zap->kvm, 1);
	} else {
		zap_tdp_table(zap, spte_to_child_pt(iter->old_spte, iter->level));
	}
}

static void zap_tdp_flush(struct zap_tdp *zap)
{
	if (zap->flush)
		kvm_flush_remote_tlbs_range(zap->kvm, zap->slot->base_gfn,
					    zap->slot->npages);
	zap->flush = false;
}

/*
 * Walk down to @min_level, and remove each entry of at most @max_level that
 * lies in the memslot.
 */
static void zap_tdp_walk(struct zap_tdp *zap, struct kvm_mmu_page *root,
			 int min_level, int max_level)
{
	gfn_t start = zap->slot->base_gfn, end = start + zap->slot->npages;
	struct tdp_iter iter;

	/*
	 * The host's physical addresses may be wider than what the root maps.
	 * From there on the walk would come to other memory's entries.
	 */
	end = min_t(gfn_t, end, KVM_PAGES_PER_HPAGE(root->role.level + 1));
	if (start >= end)
		return;

	for_each_kvm_zap_tdp_pte(iter, zap->kvm, root, min_level, start, end) {
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

/**
 * kvm_zap_scoped_tdp() - drop a memslot's mappings in the TDP MMU
 * @kvm: the VM, its slots_lock held
 * @slot: the memslot, marked invalid
 *
 * Takes mmu_lock for read, never for write.
 */
void kvm_zap_scoped_tdp(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	struct zap_tdp zap = {
		.kvm = kvm,
		.slot = slot,
	};
	struct kvm_mmu_page *root = NULL;

	read_lock(&kvm->mmu_lock);
	/* Invalid roots as well: a vCPU may not have let go of one yet. */
	while ((root = kvm_zap_tdp_next_root(kvm, root, true))) {
		if (kvm_mmu_page_as_id(root) != slot->as_id)
			continue;

		rcu_read_lock();
		/*
		 * 2M by 2M first, so that no step takes long; what goes at 1G
		 * is page tables without leafs by then, and 1G leafs.
		 */
		zap_tdp_walk(&zap, root, PG_LEVEL_4K, PG_LEVEL_2M);
		zap_tdp_walk(&zap, root, PG_LEVEL_1G, PG_LEVEL_1G);
		/*
		 * What another one who holds mmu_lock for read has dropped on
		 * the way was not seen, and maybe not flushed yet. Flush for
		 * it: once the memslot is gone, no MMU notifier waits for that.
		 */
		zap.flush |= KVM_ZAP_NX_WORKER_IS_SHARED;
		zap_tdp_flush(&zap);
		rcu_read_unlock();
	}
	read_unlock(&kvm->mmu_lock);
}
