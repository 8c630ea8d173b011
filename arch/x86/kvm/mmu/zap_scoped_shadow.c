// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy scoped in the shadow MMU: legacy direct, shadow paging, nested.
 *
 * There are two ways to find what belongs to a memslot. One starts from the memslot:
 * each of its pages has an rmap, and a bucket in the hash of shadow pages, which has
 * the shadow pages of a guest page table at that gfn. The other one starts from the
 * shadow pages: each knows which gfns its SPTEs map, and which gfn it shadows. The
 * first costs by the size of the memslot, however little of it is mapped. The second
 * costs by what is mapped, however small the memslot is. The cheaper one is used.
 *
 * mmu_lock is held for write, as everywhere in the shadow MMU. zap_scoped.c explains
 * why nothing is added while it is dropped in between.
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
 * Finish with @sp: move it to the front of the list, or unlink it. Return false if the
 * lock was dropped before that.
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
 * Start from the shadow pages. Always take the oldest one, and move it to the front
 * when it is finished: that keeps the place when mmu_lock is dropped. New shadow
 * pages are added at the front as well and need not be visited. The order of the list
 * matters to kvm_zap_obsolete_pages() only, between generations, and while slots_lock is
 * held all shadow pages are of one generation.
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

/* Drop the leaf SPTEs that the memslot's rmaps know. */
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
 * Whether guest page tables in the 2M of memory around @gfn may be shadowed. KVM uses no
 * large page there, and counts them in disallow_lpage, see account_shadowed(). The
 * count starts at 1 in a memslot whose userspace address is aligned differently, and
 * may start at 1 at the ends of a memslot, see kvm_alloc_memslot_metadata().
 */
static bool zap_shadow_may_have_gptes(const struct zap_shadow *zap, gfn_t gfn)
{
	const struct kvm_memory_slot *slot = zap->slot;
	gfn_t hva = slot->userspace_addr >> PAGE_SHIFT;
	bool misaligned = (slot->base_gfn ^ hva) % KVM_PAGES_PER_HPAGE(PG_LEVEL_2M);
	const struct kvm_lpage_info *info;

	info = slot->arch.lpage_info[PG_LEVEL_2M - PG_LEVEL_2M] +
	       gfn_to_index(gfn, slot->base_gfn, PG_LEVEL_2M);

	/* Lockless when used for the estimate. */
	return READ_ONCE(zap->kvm->arch.indirect_shadow_pages) &&
	       READ_ONCE(info->disallow_lpage) != misaligned;
}

/* The first gfn of the next 2M of memory. */
static gfn_t zap_shadow_next_2m(gfn_t gfn)
{
	return gfn + SPTE_ENT_PER_PAGE - gfn % SPTE_ENT_PER_PAGE;
}

/* Unlink the shadow pages of @gfn that belong to the memslot. */
static void zap_shadow_gfn(struct zap_shadow *zap, gfn_t gfn)
{
	struct hlist_head *bucket;
	struct kvm_mmu_page *sp;

	bucket = &zap->kvm->arch.mmu_page_hash[hash_64(gfn, KVM_MMU_HASH_SHIFT)];
restart:
	/* An invalid shadow page is unlinked already, or is an empty root in use. */
	hlist_for_each_entry(sp, bucket, hash_link)
		if (sp->gfn == gfn && !sp->role.invalid &&
		    kvm_mmu_page_as_id(sp) == zap->slot->as_id &&
		    zap_shadow_belongs(zap, sp) &&
		    !kvm_zap_shadow_own(zap, sp))
			goto restart;
}

/*
 * Unlink the shadow pages that belong to the memslot, gfn by gfn. Shadow pages of guest
 * page tables may be at any gfn, others only at the start of a large page.
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
 * Start from the memslot. Unlink its shadow pages first, with all their SPTEs. Page
 * tables that become empty stay if the memslot is smaller than the range of a page table:
 * mostly that is one or two, and a ROM or BAR that comes back uses them again.
 */
static void zap_shadow_by_slot(struct zap_shadow *zap)
{
	int level;

	zap->keeps = zap->slot->npages < SPTE_ENT_PER_PAGE;

	zap_shadow_by_gfns(zap);
	for (level = PG_LEVEL_4K; level <= KVM_MAX_HUGEPAGE_LEVEL; level++)
		zap_shadow_rmaps(zap, level);
}

/* Estimate the cost of starting from the memslot, its rmaps and the hash, up to @limit. */
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
 * Estimate the cost of starting from the shadow pages. All indirect ones have to be
 * searched, at most for all leafs of the VM, and the direct ones in the memslot's
 * range, in which every leaf belongs to the memslot.
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
 * @slot: the active copy of the memslot, which is marked invalid and has rmaps
 *
 * Takes mmu_lock for write, and drops it when others wait for it.
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

	/* Lockless, hence an estimate. */
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
