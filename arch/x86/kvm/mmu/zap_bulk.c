// SPDX-License-Identifier: GPL-2.0-only
/*
 * Site teardown, policy bulk: drop the leaf SPTEs of a VM whose vCPUs cannot run any more
 * in one plain pass, then let KVM's own walk free the remaining page tables. That walk
 * finds no leafs, so it has nothing to account for one by one.
 *
 * A VM is torn down when its last reference is gone or when its process has exited;
 * KVM_RUN is refused from then on. Neither CPUs nor fast page faults change SPTEs any
 * more, TLBs need no flush, and plain reads and writes suffice. Others may still take
 * mmu_lock whenever it is dropped: the shrinker, the NX huge page worker, writers of
 * nx_huge_pages, MMU notifiers, debugfs' reader of rmaps. Hence an SPTE, its rmap and the
 * statistics agree whenever mmu_lock is dropped. The exception is leafs of the TDP
 * MMU that are not looked at: the statistics are corrected for these at the end.
 *
 * Dirty bits are passed on to the pages, which may belong to a file. Accessed bits are not:
 * they are hints for reclaim, and the guest is gone. Kernels that tell the page when an
 * SPTE is made have nothing to pass on, and there the TDP MMU's leafs are not looked at.
 *
 * On newer kernels, aging runs without mmu_lock and may do so in an unlinked page table,
 * which is freed by RCU. The bits of a guest that does not run tell nothing.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "mmu_internal.h"
#include "tdp_mmu.h"
#include "zap.h"
#include "zap_leaf.h"
#include "zap_tdp.h"

static void zap_bulk_leaf(u64 spte)
{
	struct page *page = kvm_zap_leaf_page(spte);

	if (page)
		kvm_zap_dirty_to_page(spte, page);
}

static void zap_bulk_account(struct kvm *kvm, int level, unsigned int leafs)
{
	if (!leafs)
		return;
	kvm_update_page_stats(kvm, level, -leafs);
	kvm_zap_count_sptes(kvm, leafs);
}

/* Tell the pages that the leafs in @pt map, and return the number of leafs. */
static unsigned int zap_bulk_tdp_leafs(tdp_ptep_t pt)
{
	unsigned int i, leafs = 0;
	u64 spte;

	for (i = 0; i < SPTE_ENT_PER_PAGE; i++) {
		spte = kvm_tdp_mmu_read_spte(pt + i);
		if (!is_shadow_present_pte(spte))
			continue;
		zap_bulk_leaf(spte);
		leafs++;
	}

	return leafs;
}

/*
 * Remove the page table of 4K SPTEs at @iter. Its SPTEs can stay: only holders of mmu_lock
 * could find them. If no page has to be told, they are not looked at, and counted by what
 * the statistics still have at the end.
 */
static void zap_bulk_tdp_table(struct kvm *kvm, struct tdp_iter *iter)
{
	tdp_ptep_t pt = spte_to_child_pt(iter->old_spte, iter->level);
	struct kvm_mmu_page *sp = sptep_to_sp(rcu_dereference(pt));

	__kvm_tdp_mmu_write_spte(iter->sptep, SHADOW_NONPRESENT_VALUE);
	if (KVM_ZAP_TELLS_PAGE)
		zap_bulk_account(kvm, PG_LEVEL_4K, zap_bulk_tdp_leafs(pt));
	kvm_zap_tdp_unlink_sp(kvm, sp, false);
	call_rcu(&sp->rcu_head, tdp_mmu_free_sp_rcu_callback);
}

static void zap_bulk_tdp_root(struct kvm *kvm, struct kvm_mmu_page *root)
{
	struct tdp_iter iter;

	for_each_kvm_zap_tdp_pte(iter, kvm, root, PG_LEVEL_2M, 0,
				 kvm_mmu_max_gfn() + 1) {
		if (kvm_zap_tdp_wants_break(kvm, &iter)) {
			kvm_zap_tdp_break(kvm, &iter, false);
			continue;
		}

		if (!is_shadow_present_pte(iter.old_spte))
			continue;
		if (is_last_spte(iter.old_spte, iter.level)) {
			zap_bulk_leaf(iter.old_spte);
			__kvm_tdp_mmu_write_spte(iter.sptep,
						 SHADOW_NONPRESENT_VALUE);
			zap_bulk_account(kvm, iter.level, 1);
		} else if (iter.level == PG_LEVEL_2M) {
			zap_bulk_tdp_table(kvm, &iter);
		}
	}
}

static void zap_bulk_tdp(struct kvm *kvm)
{
	struct kvm_mmu_page *root = NULL;

	while ((root = kvm_zap_tdp_next_root(kvm, root, false))) {
		rcu_read_lock();
		zap_bulk_tdp_root(kvm, root);
		rcu_read_unlock();
	}
}

/*
 * Return the rmaps, which are consecutive, of the gfns that @nr SPTEs of @sp from @first on
 * map, or NULL if they are not all in one memslot.
 */
static struct kvm_rmap_head *zap_bulk_rmaps(struct kvm *kvm, struct kvm_mmu_page *sp,
					    unsigned int first, unsigned int nr)
{
	struct kvm_memslots *slots = __kvm_memslots(kvm, kvm_mmu_page_as_id(sp));
	gfn_t gfn = kvm_mmu_page_get_gfn(sp, first);
	struct kvm_memory_slot *slot = __gfn_to_memslot(slots, gfn);
	int level = sp->role.level;

	if (!slot || gfn - slot->base_gfn + nr * KVM_PAGES_PER_HPAGE(level) > slot->npages)
		return NULL;

	return slot->arch.rmap[level - PG_LEVEL_4K] +
	       gfn_to_index(gfn, slot->base_gfn, level);
}

static bool zap_bulk_is_leaf(struct kvm_mmu_page *sp, u64 spte)
{
	return is_shadow_present_pte(spte) && is_last_spte(spte, sp->role.level);
}

/* Drop an SPTE of @sp the way KVM does, if it is a leaf. */
static void zap_bulk_drop(struct kvm *kvm, struct kvm_mmu_page *sp, u64 *spte)
{
	if (!zap_bulk_is_leaf(sp, *spte))
		return;
	drop_spte(kvm, spte);
	kvm_zap_count_sptes(kvm, 1);
}

/*
 * Drop the leafs among @nr SPTEs of @sp from @spte on. @rmap is the first one's rmap, and
 * the others' follow. Rmaps only have present leafs: if an rmap has this SPTE and no other,
 * the SPTE is a leaf, and is cleared like memory. Return how many leafs the caller has to
 * account for.
 */
static unsigned int zap_bulk_run(struct kvm *kvm, struct kvm_mmu_page *sp, u64 *spte,
				 struct kvm_rmap_head *rmap, unsigned int nr)
{
	const u64 *end = spte + nr;
	unsigned int leafs = 0;

	for (; spte < end; spte++, rmap++) {
		if (kvm_zap_rmap_forget(rmap, spte)) {
			zap_bulk_leaf(*spte);
			WRITE_ONCE(*spte, SHADOW_NONPRESENT_VALUE);
			leafs++;
		} else {
			zap_bulk_drop(kvm, sp, spte);
		}
	}

	return leafs;
}

/* The same for KVM_ZAP_CHUNK SPTEs from @first on, looking up each one's rmap. */
static unsigned int zap_bulk_chunk(struct kvm *kvm, struct kvm_mmu_page *sp,
				   unsigned int first)
{
	struct kvm_rmap_head *rmap;
	unsigned int i, leafs = 0;

	for (i = first; i < first + KVM_ZAP_CHUNK; i++) {
		if (!zap_bulk_is_leaf(sp, sp->spt[i]))
			continue;
		rmap = zap_bulk_rmaps(kvm, sp, i, 1);
		if (rmap)
			leafs += zap_bulk_run(kvm, sp, sp->spt + i, rmap, 1);
		else
			zap_bulk_drop(kvm, sp, sp->spt + i);
	}

	return leafs;
}

/*
 * Drop the leaf SPTEs of @sp. A direct page table maps consecutive gfns, whose rmaps are
 * consecutive as far as one memslot goes.
 */
static void zap_bulk_table(struct kvm *kvm, struct kvm_mmu_page *sp)
{
	struct kvm_rmap_head *all = NULL, *rmaps;
	unsigned int chunk, first, leafs = 0;

	if (sp->role.direct)
		all = zap_bulk_rmaps(kvm, sp, 0, SPTE_ENT_PER_PAGE);

	for_each_set_bit(chunk, &sp->zap.leafs, BITS_PER_LONG) {
		first = chunk * KVM_ZAP_CHUNK;
		rmaps = all ? all + first : NULL;
		if (!all && sp->role.direct)
			rmaps = zap_bulk_rmaps(kvm, sp, first, KVM_ZAP_CHUNK);
		if (rmaps)
			leafs += zap_bulk_run(kvm, sp, sp->spt + first, rmaps,
					      KVM_ZAP_CHUNK);
		else
			leafs += zap_bulk_chunk(kvm, sp, first);
	}
	sp->zap.leafs = 0;
	zap_bulk_account(kvm, sp->role.level, leafs);
}

/*
 * Start with the newest, which is mostly newer than its parent. A shadow page that stays is
 * moved to the end, which keeps the place when mmu_lock is dropped. Without vCPUs there
 * are no new ones, and all are of one generation.
 */
static void zap_bulk_shadow(struct kvm *kvm)
{
	unsigned long left = kvm_zap_nr_shadow_pages(kvm);
	struct kvm_mmu_page *sp;
	LIST_HEAD(unlinked);

	for (; left && !list_empty(&kvm->arch.active_mmu_pages); left--) {
		sp = list_first_entry(&kvm->arch.active_mmu_pages,
				      struct kvm_mmu_page, link);
		zap_bulk_table(kvm, sp);
		if (kvm_zap_table_is_empty(sp))
			kvm_zap_unlink_empty(kvm, sp, &unlinked);
		else
			list_move_tail(&sp->link, &kvm->arch.active_mmu_pages);
		kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
	}
	/* As in kvm_mmu_commit_zap_page(). It also waits for lockless walks. */
	if (!list_empty(&unlinked))
		kvm_flush_remote_tlbs(kvm);
	kvm_zap_free_tables(kvm, &unlinked);
}

/*
 * No SPTE is left, and no vCPU makes one. The statistics still have the leafs that went
 * with their page tables.
 */
static void zap_bulk_account_rest(struct kvm *kvm)
{
	int i;

	for (i = 0; i < KVM_NR_PAGE_SIZES; i++)
		kvm_zap_count_sptes(kvm, max(atomic64_xchg(&kvm->stat.pages[i], 0),
					     0LL));
}

/**
 * kvm_zap_bulk() - drop all mappings of a VM whose vCPUs cannot run any more
 * @kvm: the VM
 */
void kvm_zap_bulk(struct kvm *kvm)
{
	write_lock(&kvm->mmu_lock);
	if (kvm_zap_tdp_mmu_enabled(kvm))
		zap_bulk_tdp(kvm);
	zap_bulk_shadow(kvm);
	write_unlock(&kvm->mmu_lock);

	/* The remaining page tables. */
	kvm_zap_by(kvm, kvm_mmu_zap_all);
	if (!KVM_ZAP_TELLS_PAGE)
		zap_bulk_account_rest(kvm);
}
