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
#include "zap_shadow.h"

/* Whether @sp may have leaf SPTEs that map the memslot. */
static bool zap_shadow_may_map(const struct zap_shadow *zap,
			       const struct kvm_mmu_page *sp)
{
	const struct kvm_memory_slot *slot = zap->slot;

	return !sp->role.direct ||
	       (sp->gfn < slot->base_gfn + slot->npages &&
		sp->gfn + KVM_PAGES_PER_HPAGE(sp->role.level + 1) > slot->base_gfn);
}

/*
 * Be done with @sp: put it first, or unlink it.  False if it did not get that far.
 */
static bool zap_shadow_page(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	/* Each address space has shadow pages of its own. */
	if (kvm_mmu_page_as_id(sp) == zap->slot->as_id) {
		if (zap_shadow_belongs(zap, sp))
			return kvm_zap_shadow_own(zap, sp);
		if (zap_shadow_may_map(zap, sp) &&
		    !kvm_zap_shadow_leafs(zap, sp, false))
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
		zap_shadow_next(zap, ZAP_COST_PAGE);
	}
}

/* Whether ZAP_HEADS rmaps are all empty. */
static bool zap_shadow_heads_are_empty(const struct kvm_rmap_head *rmap)
{
	return !(kvm_zap_rmap_val(&rmap[0]) | kvm_zap_rmap_val(&rmap[1]) |
		 kvm_zap_rmap_val(&rmap[2]) | kvm_zap_rmap_val(&rmap[3]) |
		 kvm_zap_rmap_val(&rmap[4]) | kvm_zap_rmap_val(&rmap[5]) |
		 kvm_zap_rmap_val(&rmap[6]) | kvm_zap_rmap_val(&rmap[7]));
}

/* The leaf SPTEs that map the memslot, from its rmaps. */
static void zap_shadow_rmaps(struct zap_shadow *zap, int level)
{
	const struct kvm_memory_slot *slot = zap->slot;
	struct kvm_rmap_head *rmap = slot->arch.rmap[level - PG_LEVEL_4K];
	gfn_t last = slot->base_gfn + slot->npages - 1;
	struct kvm_rmap_head *end;

	end = rmap + gfn_to_index(last, slot->base_gfn, level) + 1;
	while (rmap < end) {
		if (end - rmap >= ZAP_HEADS && zap_shadow_heads_are_empty(rmap)) {
			rmap += ZAP_HEADS;
			zap_shadow_next(zap, ZAP_COST_HEADS);
			continue;
		}
		do {
			if (kvm_zap_rmap_val(rmap))
				kvm_zap_shadow_rmap(zap, rmap, level);
			zap_shadow_next(zap, ZAP_COST_HEAD);
		} while (++rmap < end && (end - rmap) % ZAP_HEADS);
	}
}

/*
 * Whether guest page tables in the 2M of memory around @gfn may be shadowed. KVM maps
 * nothing by a large page next to one: it counts them, see account_shadowed(), on top
 * of what it begins with, see kvm_alloc_memslot_metadata(). That is 1 in a memslot
 * whose memory is aligned differently, and may be 1 at a memslot's ends.
 */
static bool zap_shadow_may_have_gptes(const struct zap_shadow *zap, gfn_t gfn)
{
	const struct kvm_memory_slot *slot = zap->slot;
	gfn_t hva = slot->userspace_addr >> PAGE_SHIFT;
	bool misaligned = (slot->base_gfn ^ hva) % KVM_PAGES_PER_HPAGE(PG_LEVEL_2M);
	const struct kvm_lpage_info *info;

	info = slot->arch.lpage_info[PG_LEVEL_2M - PG_LEVEL_2M] +
	       gfn_to_index(gfn, slot->base_gfn, PG_LEVEL_2M);

	/* Without mmu_lock where it is an estimate. */
	return READ_ONCE(zap->kvm->arch.indirect_shadow_pages) &&
	       READ_ONCE(info->disallow_lpage) != misaligned;
}

/* The first gfn of the next 2M of memory. */
static gfn_t zap_shadow_next_2m(gfn_t gfn)
{
	return gfn + SPTE_ENT_PER_PAGE - gfn % SPTE_ENT_PER_PAGE;
}

/* The shadow pages of @gfn that belong to the memslot. */
static void zap_shadow_gfn(struct zap_shadow *zap, gfn_t gfn)
{
	struct hlist_head *bucket;
	struct kvm_mmu_page *sp;

	bucket = &zap->kvm->arch.mmu_page_hash[hash_64(gfn, KVM_MMU_HASH_SHIFT)];
restart:
	/* An invalid page is unlinked, or a root that is still loaded, and empty. */
	hlist_for_each_entry(sp, bucket, hash_link)
		if (sp->gfn == gfn && !sp->role.invalid &&
		    kvm_mmu_page_as_id(sp) == zap->slot->as_id &&
		    zap_shadow_belongs(zap, sp) &&
		    !kvm_zap_shadow_own(zap, sp))
			goto restart;
}

/*
 * The shadow pages that belong to the memslot, by its gfns.  Those of guest page
 * tables may be at each of them, others where a large page could be.
 */
static void zap_shadow_by_gfns(struct zap_shadow *zap)
{
	gfn_t gfn = zap->slot->base_gfn, end = gfn + zap->slot->npages;
	gfn_t next, stop;

	for (; gfn < end; gfn = next) {
		next = zap_shadow_next_2m(gfn);
		stop = zap_shadow_may_have_gptes(zap, gfn) ? min(next, end) : gfn + 1;
		for (; gfn < stop; gfn++) {
			zap_shadow_gfn(zap, gfn);
			zap_shadow_next(zap, ZAP_COST_GFN);
		}
	}
}

/*
 * Start from the memslot.  What page tables go with it have, they take along.  Those that
 * a memslot smaller than a page table leaves empty stay: it leaves one or two mostly,
 * and a ROM or BAR that comes back is mapped by the same.
 */
static void zap_shadow_by_slot(struct zap_shadow *zap)
{
	int level;

	zap->keeps = zap->slot->npages < SPTE_ENT_PER_PAGE;

	zap_shadow_by_gfns(zap);
	for (level = PG_LEVEL_4K; level <= KVM_MAX_HUGEPAGE_LEVEL; level++)
		zap_shadow_rmaps(zap, level);
}

/* What finding it from the memslot costs: its rmaps, and the hash; no more than @limit. */
static u64 zap_shadow_cost_by_slot(const struct zap_shadow *zap, u64 limit)
{
	u64 npages = zap->slot->npages;
	gfn_t gfn = zap->slot->base_gfn, end = gfn + npages;
	u64 cost = npages * ZAP_COST_HEADS / ZAP_HEADS;
	u64 gfns;

	for (; gfn < end && cost < limit; gfn = zap_shadow_next_2m(gfn)) {
		gfns = min(end, zap_shadow_next_2m(gfn)) - gfn;
		cost += (zap_shadow_may_have_gptes(zap, gfn) ? gfns : 1) * ZAP_COST_GFN;
	}

	return min(cost, limit);
}

/*
 * What finding it from the shadow pages costs.  All of the indirect ones have to be
 * searched, at most for all leafs that there are, of the direct ones those in the
 * memslot's range; but all that is found there is the memslot's.
 */
static u64 zap_shadow_cost_by_pages(const struct zap_shadow *zap)
{
	const struct kvm_arch *arch = &zap->kvm->arch;
	u64 used = kvm_zap_nr_shadow_pages(zap->kvm);
	u64 indirect = min_t(u64, READ_ONCE(arch->indirect_shadow_pages), used);
	u64 leafs = max(kvm_zap_nr_leafs(zap->kvm), 0LL);
	u64 tables = min(used, indirect + zap->slot->npages / SPTE_ENT_PER_PAGE + 2);

	return used * ZAP_COST_PAGE + tables * ZAP_COST_TABLE +
	       min(indirect * BITS_PER_LONG, leafs) * ZAP_COST_CHUNK;
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
		.unlinked = LIST_HEAD_INIT(zap.unlinked),
		.flushed = LIST_HEAD_INIT(zap.flushed),
		.thinned = LIST_HEAD_INIT(zap.thinned),
	};
	u64 by_pages, by_slot;

	/* Others may change what this looks at: it is an estimate. */
	by_pages = zap_shadow_cost_by_pages(&zap);
	by_slot = zap_shadow_cost_by_slot(&zap, by_pages + 1);

	write_lock(&kvm->mmu_lock);
	if (by_pages < by_slot)
		zap_shadow_by_pages(&zap);
	else
		zap_shadow_by_slot(&zap);
	kvm_zap_shadow_finish(&zap);
	write_unlock(&kvm->mmu_lock);
}
