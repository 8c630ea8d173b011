// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy scoped in the shadow MMU: legacy direct, shadow paging, nested.
 *
 * What belongs to a memslot can be found in two ways.  From the memslot: each
 * of its pages has an rmap, and a bucket in the hash of shadow pages, in which
 * those that shadow a guest page table there are.  From the shadow pages: each
 * knows which guest pages its SPTEs map, and which it shadows.  The first costs
 * by the memslot's size, however little of it is mapped, the second by what is
 * mapped, however small the memslot is.  Take the one that is less work.
 *
 * mmu_lock is held for write, as for all of the shadow MMU.  That nothing is
 * added while it is dropped in between is argued in zap_scoped.c.
 */
#include <linux/hash.h>
#include <linux/kvm_host.h>

#include "mmu.h"
#include "mmu_internal.h"
#include "spte.h"
#include "zap.h"
#include "zap_leaf.h"

/*
 * What a step costs, in instructions, rounded up from what was measured on 6.1.
 * They tell which way is less work and when to look whether others wait.
 */
#define ZAP_COST_HEAD		8	/* see that an rmap is empty */
#define ZAP_COST_GFN		32	/* look a guest page up in the hash */
#define ZAP_COST_PAGE		64	/* see that a shadow page does not matter */
#define ZAP_COST_TABLE		64	/* look into one that may */
#define ZAP_COST_CHUNK		256	/* look at KVM_ZAP_CHUNK leaf SPTEs */
#define ZAP_COST_LEAF		256	/* drop a leaf SPTE */
#define ZAP_COST_UNLINK		18432	/* unlink a shadow page without leafs */
#define ZAP_COST_MAX		8192	/* between two looks, and one step more */

/* Unlinked shadow pages that are freed together, with one flush. */
#define ZAP_UNLINKED_MAX	8

struct zap_shadow {
	struct kvm *kvm;
	const struct kvm_memory_slot *slot;
	struct list_head invalid_list;	/* unlinked, to be freed after a flush */
	unsigned int unlinked;		/* how many, at least */
	unsigned int leafs[KVM_NR_PAGE_SIZES];	/* dropped, not accounted yet */
	struct kvm_mmu_page *unlinking;	/* only to compare with, may be gone */
	struct kvm_mmu_page *partly;	/* the same: looked at, up to @chunk */
	unsigned int chunk;
	bool flush;			/* dropped something, not flushed yet */
	unsigned int cost;		/* since the last look */
};

/*
 * Account for the leafs, free unlinked shadow pages, and flush the TLBs, which
 * the latter does as well.  All of the TLBs: nested guests' addresses are not the
 * memslot's, and guest page tables in it map other memory, too.  Must come before
 * mmu_lock is released: whoever takes it next may rely on dropped SPTEs not being
 * cached by a vCPU.
 */
static void zap_shadow_flush(struct zap_shadow *zap)
{
	int i;

	for (i = 0; i < KVM_NR_PAGE_SIZES; i++) {
		if (!zap->leafs[i])
			continue;
		kvm_update_page_stats(zap->kvm, i + PG_LEVEL_4K, -zap->leafs[i]);
		kvm_zap_count_sptes(zap->kvm, zap->leafs[i]);
		zap->leafs[i] = 0;
	}

	if (!list_empty(&zap->invalid_list))
		kvm_mmu_commit_zap_page(zap->kvm, &zap->invalid_list);
	else if (zap->flush)
		kvm_flush_remote_tlbs(zap->kvm);
	zap->unlinked = 0;
	zap->flush = false;
}

/*
 * Account for @cost and make way for others if it is time to and they wait.
 * False if mmu_lock was dropped, or pages were freed: shadow pages seen before
 * may be gone.
 */
static bool zap_shadow_go_on(struct zap_shadow *zap, unsigned int cost)
{
	struct kvm *kvm = zap->kvm;

	zap->cost += cost;
	if (zap->cost < ZAP_COST_MAX)
		return true;

	zap->cost = 0;
	if (!need_resched() && !rwlock_needbreak(&kvm->mmu_lock)) {
		if (zap->unlinked < ZAP_UNLINKED_MAX)
			return true;
		zap_shadow_flush(zap);
		/* That took its time. */
		zap->cost = ZAP_COST_MAX - 1;
		return false;
	}

	zap_shadow_flush(zap);
	kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
	return false;
}

static bool zap_shadow_in_slot(const struct zap_shadow *zap, gfn_t gfn)
{
	return gfn - zap->slot->base_gfn < zap->slot->npages;
}

/* Whether @sp shadows a guest page table, see sp_has_gptes() in mmu.c. */
static bool zap_shadow_has_gptes(const struct kvm_mmu_page *sp)
{
	return !sp->role.direct && !sp->role.passthrough;
}

/*
 * Whether @sp goes with the memslot: if it shadows a guest page table there its
 * accounting does. If it was made for NX huge pages, the worker that lets large
 * pages come back has it on a list, and will look for the memslot of it.
 */
static bool zap_shadow_belongs(const struct zap_shadow *zap,
			       const struct kvm_mmu_page *sp)
{
	return (zap_shadow_has_gptes(sp) || kvm_zap_is_nx_split(sp)) &&
	       zap_shadow_in_slot(zap, sp->gfn);
}

/* Whether @sp may have leaf SPTEs that map the memslot. */
static bool zap_shadow_may_map(const struct zap_shadow *zap,
			       const struct kvm_mmu_page *sp)
{
	const struct kvm_memory_slot *slot = zap->slot;

	return !sp->role.direct ||
	       (sp->gfn < slot->base_gfn + slot->npages &&
		sp->gfn + KVM_PAGES_PER_HPAGE(sp->role.level + 1) > slot->base_gfn);
}

/* Drop all SPTEs that an rmap knows: those that map a page of the memslot. */
static void zap_shadow_rmap(struct zap_shadow *zap, struct kvm_rmap_head *rmap,
			    int level)
{
	unsigned int nr = 1;
	u64 *spte;

	if (kvm_zap_rmap_has_many(rmap)) {
		nr = pte_list_count(rmap);
		kvm_zap_all_rmap_sptes(zap->kvm, rmap);
		kvm_zap_count_sptes(zap->kvm, nr);
	} else {
		/* Just one: much the same, but with less to do for each. */
		spte = kvm_zap_rmap_begin(zap->kvm, rmap);
		kvm_zap_leaf_to_page(xchg(spte, SHADOW_NONPRESENT_VALUE));
		kvm_zap_rmap_end(zap->kvm, rmap);
		zap->leafs[level - PG_LEVEL_4K]++;
	}
	zap->flush = true;
	zap->cost += nr * ZAP_COST_LEAF;
}

/*
 * Drop @spte, a leaf of @sp, if it maps the memslot or @all is set.  True if it
 * is gone.
 */
static bool zap_shadow_leaf(struct zap_shadow *zap, struct kvm_mmu_page *sp,
			    u64 *spte, bool all)
{
	const struct kvm_memory_slot *slot = zap->slot;
	gfn_t gfn = kvm_mmu_page_get_gfn(sp, spte - sp->spt);
	int level = sp->role.level;

	if (zap_shadow_in_slot(zap, gfn)) {
		zap_shadow_rmap(zap, slot->arch.rmap[level - PG_LEVEL_4K] +
				gfn_to_index(gfn, slot->base_gfn, level), level);
	} else if (all) {
		drop_spte(zap->kvm, spte);
		kvm_zap_count_sptes(zap->kvm, 1);
		zap->flush = true;
		zap->cost += ZAP_COST_LEAF;
	} else {
		return false;
	}

	return true;
}

/*
 * Drop the leaf SPTEs of @sp that map the memslot, with @all all of them.  False
 * if it did not get through: @sp may be gone, or have leafs left.
 */
static bool zap_shadow_leafs(struct zap_shadow *zap, struct kvm_mmu_page *sp,
			     bool all)
{
	unsigned int chunk = sp == zap->partly ? zap->chunk : 0;
	u64 *spte, *end;
	bool left;

	for_each_set_bit_from(chunk, &sp->zap.leafs, BITS_PER_LONG) {
		spte = sp->spt + chunk * KVM_ZAP_CHUNK;
		end = spte + KVM_ZAP_CHUNK;
		for (left = false; spte < end; spte++)
			if (is_shadow_present_pte(*spte) &&
			    is_last_spte(*spte, sp->role.level))
				left |= !zap_shadow_leaf(zap, sp, spte, all);
		if (!left)
			__clear_bit(chunk, &sp->zap.leafs);
		if (!zap_shadow_go_on(zap, ZAP_COST_CHUNK)) {
			zap->partly = sp;
			zap->chunk = chunk + 1;
			return false;
		}
	}

	zap->cost += ZAP_COST_TABLE;
	return true;
}

static bool zap_shadow_own(struct zap_shadow *zap, struct kvm_mmu_page *sp);

/*
 * Unlink the children of @sp that would go with it: unsynchronized ones, and
 * those of nested guests that have no other parent.  One by one, for there may
 * be a whole tree of them, in which KVM does not reschedule.  False if it did
 * not get through.
 */
static bool zap_shadow_children(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	struct kvm_mmu_page *child;
	int i;

	for (i = 0; i < SPTE_ENT_PER_PAGE; i++) {
		if (!is_shadow_present_pte(sp->spt[i]) ||
		    is_last_spte(sp->spt[i], sp->role.level))
			continue;

		child = to_shadow_page(sp->spt[i] & SPTE_BASE_ADDR_MASK);
		if (child->root_count || kvm_zap_rmap_has_many(&child->parent_ptes) ||
		    !(child->unsync || child->role.guest_mode))
			continue;
		if (!zap_shadow_own(zap, child) || !zap_shadow_go_on(zap, 0))
			return false;
	}

	zap->cost += SPTE_ENT_PER_PAGE * ZAP_COST_HEAD;
	return true;
}

/*
 * Unlink @sp, which belongs to the memslot.  What it has goes first, for
 * unlinking does not reschedule; unsynchronized pages further below go with it
 * nevertheless, and no leaf of its own tells of those.  False if it did not get
 * that far.
 */
static bool zap_shadow_own(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	struct kvm *kvm = zap->kvm;
	s64 before;

	if (!zap_shadow_leafs(zap, sp, true))
		return false;
	if (sp->role.level > PG_LEVEL_4K && !zap_shadow_children(zap, sp))
		return false;

	/* A long step: look before, but do not break twice at the same page. */
	if (zap->unlinking != sp) {
		zap->unlinking = sp;
		if (!zap_shadow_go_on(zap, ZAP_COST_MAX))
			return false;
	}

	/* Exact: no vCPU maps anything while mmu_lock is held for write. */
	before = kvm_zap_nr_leafs(kvm);
	kvm_mmu_prepare_zap_page(kvm, sp, &zap->invalid_list);
	kvm_zap_count_sptes(kvm, before - kvm_zap_nr_leafs(kvm));
	zap->unlinked++;
	zap->cost += ZAP_COST_UNLINK;

	return true;
}

/*
 * Be done with @sp: put it first, or unlink it.  False if it did not get that far.
 */
static bool zap_shadow_page(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	/* Each address space has shadow pages of its own. */
	if (kvm_mmu_page_as_id(sp) == zap->slot->as_id) {
		if (zap_shadow_belongs(zap, sp))
			return zap_shadow_own(zap, sp);
		if (zap_shadow_may_map(zap, sp) &&
		    !zap_shadow_leafs(zap, sp, false))
			return false;
	}

	list_move(&sp->link, &zap->kvm->arch.active_mmu_pages);
	return true;
}

/*
 * Start from the shadow pages.  Take the oldest each time, and put it first when
 * it is done with: that keeps the place when mmu_lock is dropped.  Pages that
 * come meanwhile are put first as well and do not matter.  What depends on the
 * order is kvm_zap_obsolete_pages(), and only between generations: while
 * slots_lock is held all pages are of one.
 */
static void zap_shadow_by_pages(struct zap_shadow *zap)
{
	struct kvm_arch *arch = &zap->kvm->arch;
	unsigned long left = kvm_zap_nr_shadow_pages(zap->kvm);
	struct kvm_mmu_page *sp;

	while (left && !list_empty(&arch->active_mmu_pages)) {
		sp = list_last_entry(&arch->active_mmu_pages,
				     struct kvm_mmu_page, link);
		if (!zap_shadow_page(zap, sp))
			continue;
		left--;
		zap_shadow_go_on(zap, ZAP_COST_PAGE);
	}
}

/* The leaf SPTEs that map the memslot, from its rmaps. */
static void zap_shadow_rmaps(struct zap_shadow *zap, int level)
{
	const struct kvm_memory_slot *slot = zap->slot;
	struct kvm_rmap_head *rmap = slot->arch.rmap[level - PG_LEVEL_4K];
	gfn_t last = slot->base_gfn + slot->npages - 1;
	struct kvm_rmap_head *end;

	end = rmap + gfn_to_index(last, slot->base_gfn, level) + 1;
	for (; rmap < end; rmap++) {
		if (kvm_zap_rmap_val(rmap))
			zap_shadow_rmap(zap, rmap, level);
		zap_shadow_go_on(zap, ZAP_COST_HEAD);
	}
}

/*
 * The shadow pages that belong to the memslot, by its gfns.  Those of guest page
 * tables may be at each of them, those in place of a large page where one could be.
 */
static void zap_shadow_by_gfns(struct zap_shadow *zap)
{
	const struct kvm_memory_slot *slot = zap->slot;
	struct kvm *kvm = zap->kvm;
	struct hlist_head *bucket;
	struct kvm_mmu_page *sp;
	gfn_t gfn, step;

	for (gfn = slot->base_gfn; gfn < slot->base_gfn + slot->npages; gfn += step) {
		/* There is none, or none any more. */
		if (!kvm->arch.indirect_shadow_pages && !kvm->stat.nx_lpage_splits)
			return;

		bucket = &kvm->arch.mmu_page_hash[hash_64(gfn, KVM_MMU_HASH_SHIFT)];
restart:
		/* An invalid page is a root that is still loaded, and empty. */
		hlist_for_each_entry(sp, bucket, hash_link)
			if (sp->gfn == gfn && !sp->role.invalid &&
			    zap_shadow_belongs(zap, sp) &&
			    kvm_mmu_page_as_id(sp) == slot->as_id &&
			    !zap_shadow_own(zap, sp))
				goto restart;
		zap_shadow_go_on(zap, ZAP_COST_GFN);
		step = kvm->arch.indirect_shadow_pages ? 1 :
		       SPTE_ENT_PER_PAGE - gfn % SPTE_ENT_PER_PAGE;
	}
}

/* Start from the memslot. */
static void zap_shadow_by_slot(struct zap_shadow *zap)
{
	int level;

	for (level = PG_LEVEL_4K; level <= KVM_MAX_HUGEPAGE_LEVEL; level++)
		zap_shadow_rmaps(zap, level);
	zap_shadow_by_gfns(zap);
}

/*
 * Whether to start from the shadow pages is less work.  All of the indirect ones
 * have to be looked into, of the direct ones only those in the memslot's range.
 */
static bool zap_shadow_pages_are_fewer(const struct zap_shadow *zap)
{
	const struct kvm_arch *arch = &zap->kvm->arch;
	unsigned long npages = zap->slot->npages;
	unsigned long indirect = arch->indirect_shadow_pages;
	unsigned long used = kvm_zap_nr_shadow_pages(zap->kvm);
	unsigned long tables = min(used, indirect + npages / SPTE_ENT_PER_PAGE + 2);

	return npages * (ZAP_COST_HEAD + (indirect ? ZAP_COST_GFN : 0)) >
	       used * ZAP_COST_PAGE + tables * ZAP_COST_TABLE;
}

/**
 * kvm_zap_scoped_shadow() - drop a memslot's mappings in the shadow MMU
 * @kvm: the VM, its slots_lock held
 * @slot: the memslot, marked invalid, that is active and has rmaps
 *
 * Takes mmu_lock for write and makes way for others that wait for it.
 */
void kvm_zap_scoped_shadow(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	struct zap_shadow zap = {
		.kvm = kvm,
		.slot = slot,
		.invalid_list = LIST_HEAD_INIT(zap.invalid_list),
	};

	write_lock(&kvm->mmu_lock);
	if (zap_shadow_pages_are_fewer(&zap))
		zap_shadow_by_pages(&zap);
	else
		zap_shadow_by_slot(&zap);
	zap_shadow_flush(&zap);
	write_unlock(&kvm->mmu_lock);
}
