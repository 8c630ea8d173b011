// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy scoped in the shadow MMU: drop leaf SPTEs, and page tables that belong to the
 * memslot or that became empty.
 *
 * An unlinked page table is invalid, but it is not freed before mmu_lock is dropped:
 * until then, pointers to it stay valid.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "zap_leaf.h"
#include "zap_shadow.h"

/*
 * Account for the dropped leafs, and flush the TLBs. A range flush would not do: the
 * addresses of nested guests are not the memslot's, and guest page tables in the
 * memslot map other memory, too. The flush also waits for lockless walks of the
 * unlinked page tables. This must happen before mmu_lock is released: whoever takes
 * it next may rely on dropped SPTEs not being cached by a vCPU.
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

	if (zap->flush || !list_empty(&zap->unlinked))
		kvm_flush_remote_tlbs(zap->kvm);
	list_splice_tail_init(&zap->unlinked, &zap->flushed);
	zap->flush = false;
}

/*
 * @sp loses an entry. Check later whether it is empty: it may lose more entries, in
 * turn with other page tables if the guest maps a page several times. The cost of
 * unlinking @sp is charged here, so that few page tables wait.
 */
static void zap_shadow_thin_out(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	if (sp->zap.thinned)
		return;

	sp->zap.thinned = true;
	list_add_tail(&sp->zap.link, &zap->thinned);
	zap->nr_thinned++;
	zap->cost += ZAP_COST_EMPTY;
}

/* @sp is checked now, or need not be checked. */
static void zap_shadow_looked_at(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	if (!sp->zap.thinned)
		return;

	sp->zap.thinned = false;
	list_del(&sp->zap.link);
	zap->nr_thinned--;
}

/* Unlink @sp, which has no present entry if @empty. Its parent loses an entry. */
static void zap_shadow_unlink_one(struct zap_shadow *zap, struct kvm_mmu_page *sp, bool empty)
{
	unsigned long parent = kvm_zap_rmap_val(&sp->parent_ptes);

	if (parent && !kvm_zap_rmap_has_many(&sp->parent_ptes))
		zap_shadow_thin_out(zap, sptep_to_sp((u64 *)parent));
	zap_shadow_looked_at(zap, sp);

	if (empty)
		kvm_zap_unlink_empty(zap->kvm, sp, &zap->unlinked);
	else
		kvm_mmu_prepare_zap_page(zap->kvm, sp, &zap->unlinked);
	zap->cost += empty ? ZAP_COST_EMPTY : ZAP_COST_UNLINK;
}

/*
 * If @sp is empty, unlink it, or move it to where KVM reclaims first. The order of the
 * list matters between generations only, see zap_shadow_by_pages(). Return false if
 * @sp is not empty.
 */
static bool zap_shadow_settle(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	if (sp->role.invalid || sp->root_count)
		return true;
	zap->cost += sp->role.level > PG_LEVEL_4K ? SPTE_ENT_PER_PAGE * ZAP_COST_HEAD :
						    ZAP_COST_TABLE;
	if (!kvm_zap_table_is_empty(sp))
		return false;

	if (zap->keeps)
		list_move_tail(&sp->link, &zap->kvm->arch.active_mmu_pages);
	else
		zap_shadow_unlink_one(zap, sp, true);
	return true;
}

/* Check the page table that has waited longest. Return false if it is not empty. */
static bool zap_shadow_settle_first(struct zap_shadow *zap)
{
	struct kvm_mmu_page *sp = list_first_entry(&zap->thinned, struct kvm_mmu_page, zap.link);

	zap_shadow_looked_at(zap, sp);
	return zap_shadow_settle(zap, sp);
}

/* Unlinking a page table appends its parent to the list. */
static void zap_shadow_settle_all(struct zap_shadow *zap)
{
	while (!list_empty(&zap->thinned))
		zap_shadow_settle_first(zap);
}

/**
 * kvm_zap_shadow_break() - drop mmu_lock if others wait for it
 * @zap: the walk, which has come ZAP_COST_MAX further since the last call
 *
 * Return: false if mmu_lock was dropped: shadow pages seen before may be gone.
 */
bool kvm_zap_shadow_break(struct zap_shadow *zap)
{
	struct kvm *kvm = zap->kvm;

	zap->cost = 0;
	if (!need_resched() && !rwlock_needbreak(&kvm->mmu_lock))
		return true;

	zap_shadow_settle_all(zap);
	zap_shadow_flush(zap);
	kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
	/* KVM does not count these in the limit of shadow pages: do not pile them up. */
	kvm_zap_free_tables(kvm, &zap->flushed);
	zap->cost = 0;
	return false;
}

/**
 * kvm_zap_shadow_look() - drop mmu_lock if others wait, and check waiting page tables
 * @zap: the walk, which has come ZAP_COST_MAX further since the last call
 *
 * Page tables that map the same pages lose their entries in turn: when one of them is
 * not empty, the others can wait for the next call, unless too many do.
 */
void kvm_zap_shadow_look(struct zap_shadow *zap)
{
	do {
		if (!kvm_zap_shadow_break(zap))
			return;
		while (zap->cost < ZAP_COST_MAX) {
			if (list_empty(&zap->thinned))
				return;
			if (!zap_shadow_settle_first(zap) && zap->nr_thinned <= ZAP_THINNED_MAX)
				return;
		}
	} while (zap->nr_thinned > ZAP_THINNED_MAX);
}

/* Drop @spte. KVM searches for it in its rmap, which may be long. */
static void zap_shadow_drop(struct zap_shadow *zap, struct kvm_rmap_head *rmap, u64 *spte)
{
	zap->cost += ZAP_COST_LEAF + pte_list_count(rmap) * ZAP_COST_FIND;
	drop_spte(zap->kvm, spte);
	kvm_zap_count_sptes(zap->kvm, 1);
	zap->flush = true;
}

/* Drop the only SPTE in @rmap, and return its address. */
static u64 *zap_shadow_only(struct zap_shadow *zap, struct kvm_rmap_head *rmap,
			    int level)
{
	u64 *spte = (u64 *)kvm_zap_rmap_begin(zap->kvm, rmap);

	kvm_zap_leaf_to_page(xchg(spte, SHADOW_NONPRESENT_VALUE));
	kvm_zap_rmap_end(zap->kvm, rmap, 0);
	zap->leafs[level - PG_LEVEL_4K]++;
	zap->flush = true;
	zap->cost += ZAP_COST_LEAF;
	return spte;
}

/*
 * Drop some of the SPTEs in @rmap, which has several and may have a thousand. While one page
 * table loses all of its leafs, none that wait are checked, and there may be too many. The rest
 * of them is left to KVM, should they be empty.
 */
static noinline_for_stack void zap_shadow_several(struct zap_shadow *zap,
						  struct kvm_rmap_head *rmap, int level)
{
	u64 *sptes[KVM_ZAP_RMAP_STEP], **spte;
	unsigned int nr;

	nr = kvm_zap_rmap_take(zap->kvm, rmap, sptes);
	for (spte = sptes; spte < sptes + nr; spte++) {
		if (zap->nr_thinned < ZAP_THINNED_FULL)
			zap_shadow_thin_out(zap, sptep_to_sp(*spte));
		kvm_zap_leaf_to_page(xchg(*spte, SHADOW_NONPRESENT_VALUE));
	}
	zap->leafs[level - PG_LEVEL_4K] += nr;
	zap->flush = true;
	zap->cost += nr * ZAP_COST_LEAF;
}

/* Drop @spte, which maps the memslot, and maybe others in its rmap. */
static void zap_shadow_mapping(struct zap_shadow *zap, struct kvm_rmap_head *rmap,
			       u64 *spte, int level)
{
	if (!kvm_zap_rmap_has_many(rmap)) {
		zap_shadow_only(zap, rmap, level);
		return;
	}

	zap_shadow_several(zap, rmap, level);
	if (is_shadow_present_pte(*spte))
		zap_shadow_drop(zap, rmap, spte);
}

/**
 * kvm_zap_shadow_rmap() - drop all SPTEs of an rmap
 * @zap: the walk
 * @rmap: the rmap of a page of the memslot, not empty
 * @level: the page size that the rmap is for
 *
 * May drop mmu_lock. Nothing is added to the rmap meanwhile.
 */
void kvm_zap_shadow_rmap(struct zap_shadow *zap, struct kvm_rmap_head *rmap,
			 int level)
{
	do {
		if (kvm_zap_rmap_has_many(rmap))
			zap_shadow_several(zap, rmap, level);
		else
			zap_shadow_thin_out(zap, sptep_to_sp(zap_shadow_only(zap, rmap, level)));
		zap_shadow_next(zap, 0);
	} while (kvm_zap_rmap_val(rmap));
}

/*
 * Drop @spte, a leaf of @sp, if it maps the memslot or if @all is set. Return whether it
 * was dropped.
 */
static bool zap_shadow_leaf(struct zap_shadow *zap, struct kvm_mmu_page *sp,
			    u64 *spte, bool all)
{
	gfn_t gfn = kvm_mmu_page_get_gfn(sp, spte - sp->spt);
	bool inside = zap_shadow_in_slot(zap, gfn);
	const struct kvm_memory_slot *slot = zap->slot;
	struct kvm_rmap_head *rmap;

	if (!inside && !all)
		return false;
	if (!inside)
		slot = __gfn_to_memslot(kvm_memslots_for_spte_role(zap->kvm, sp->role), gfn);

	rmap = slot->arch.rmap[sp->role.level - PG_LEVEL_4K] +
	       gfn_to_index(gfn, slot->base_gfn, sp->role.level);
	if (inside)
		zap_shadow_mapping(zap, rmap, spte, sp->role.level);
	else
		zap_shadow_drop(zap, rmap, spte);
	return true;
}

/**
 * kvm_zap_shadow_leafs() - drop leaf SPTEs of a page table
 * @zap: the walk
 * @sp: the page table
 * @all: drop all of them, not only those that map the memslot
 *
 * Return: false if mmu_lock was dropped on the way: @sp may be gone, or have leafs left.
 */
bool kvm_zap_shadow_leafs(struct zap_shadow *zap, struct kvm_mmu_page *sp,
			  bool all)
{
	unsigned int chunk = sp == zap->partly ? zap->chunk : 0;
	u64 *spte, *end;
	bool left;

	zap->partly = NULL;
	for_each_set_bit_from(chunk, &sp->zap.leafs, BITS_PER_LONG) {
		spte = sp->spt + chunk * KVM_ZAP_CHUNK;
		end = spte + KVM_ZAP_CHUNK;
		for (left = false; spte < end; spte++)
			if (is_shadow_present_pte(*spte) &&
			    is_last_spte(*spte, sp->role.level))
				left |= !zap_shadow_leaf(zap, sp, spte, all);
		if (!left) {
			__clear_bit(chunk, &sp->zap.leafs);
			zap_shadow_thin_out(zap, sp);
		}
		if (!zap_shadow_go_on(zap, ZAP_COST_CHUNK)) {
			zap->partly = sp;
			zap->chunk = chunk + 1;
			return false;
		}
	}

	zap->cost += ZAP_COST_TABLE;
	return true;
}

/* The page table that entry @i of @sp leads to, or NULL. */
static struct kvm_mmu_page *zap_shadow_child(const struct kvm_mmu_page *sp, unsigned int i)
{
	if (!is_shadow_present_pte(sp->spt[i]) || is_last_spte(sp->spt[i], sp->role.level))
		return NULL;

	return to_shadow_page(sp->spt[i] & SPTE_BASE_ADDR_MASK);
}

/*
 * Unlink @child, to which entry @i of @sp leads, if it goes along with @sp: because it belongs
 * to the memslot, or is a nested guest's and has no other parent. Any other loses this parent
 * only. It may stay without one, as when the guest changes the entry; if it is unsynchronized,
 * KVM synchronizes it before it uses it again. Return false if mmu_lock was dropped on the way.
 *
 * While mmu_lock is dropped, a guest hypervisor can have a child that does not belong to the
 * memslot filled again, through a second parent that it takes away afterwards. So there is an
 * end to the patience with these.
 */
static bool zap_shadow_one_child(struct zap_shadow *zap, struct kvm_mmu_page *sp, unsigned int i,
				 struct kvm_mmu_page *child)
{
	bool belongs = zap_shadow_belongs(zap, child);
	/* A list of several stays one when it has lost all but the last. */
	unsigned int parents = pte_list_count(&child->parent_ptes);
	bool along = belongs || (child->role.guest_mode && parents == 1 &&
				 zap->along_breaks < ZAP_ALONG_BREAKS_MAX);

	if (!along || child->root_count) {
		mmu_page_zap_pte(zap->kvm, sp, &sp->spt[i], NULL);
		/* Else KVM would clear all such bits in one go when it unlinks @sp. */
		if (__test_and_clear_bit(i, sp->unsync_child_bitmap))
			sp->unsync_children--;
		zap->flush = true;
		zap->cost += ZAP_COST_LEAF + parents * ZAP_COST_FIND;
	} else if (!kvm_zap_shadow_own(zap, child)) {
		zap->along_breaks += !belongs;
		return false;
	}

	return zap_shadow_go_on(zap, 0);
}

/*
 * Empty @sp, and unlink the children that go along with it, one by one. KVM would unlink all
 * of them in one go, and all unsynchronized page tables below, whatever other parents these
 * have. No entry of a page table that belongs to the memslot comes back: nothing is linked below
 * a guest page table there any more. Return false if mmu_lock was dropped on the way.
 */
static bool zap_shadow_children(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	struct kvm_mmu_page *child;
	unsigned int i;

	for (i = 0; i < SPTE_ENT_PER_PAGE; i++) {
		child = zap_shadow_child(sp, i);
		if (child && !zap_shadow_one_child(zap, sp, i, child))
			return false;
	}

	zap->cost += SPTE_ENT_PER_PAGE * ZAP_COST_HEAD;
	return true;
}

/**
 * kvm_zap_shadow_own() - unlink a page table that belongs to the memslot, or goes along
 * @zap: the walk
 * @sp: the page table
 *
 * Its leafs go first, then its other entries, because unlinking does not reschedule.
 *
 * Return: false if mmu_lock was dropped before @sp was unlinked.
 */
bool kvm_zap_shadow_own(struct zap_shadow *zap, struct kvm_mmu_page *sp)
{
	if (!kvm_zap_shadow_leafs(zap, sp, true))
		return false;
	if (sp->role.level > PG_LEVEL_4K && !zap_shadow_children(zap, sp))
		return false;

	if (!sp->root_count && kvm_zap_table_is_empty(sp)) {
		zap_shadow_unlink_one(zap, sp, true);
		return true;
	}

	/*
	 * A root that a vCPU uses. This is a long step: drop mmu_lock before it if others wait,
	 * but once per page. The root is on no list afterwards that would cause a flush.
	 */
	if (zap->unlinking != sp) {
		zap->unlinking = sp;
		if (!zap_shadow_go_on(zap, ZAP_COST_MAX))
			return false;
	}
	zap_shadow_unlink_one(zap, sp, false);
	zap->flush = true;
	return true;
}

/**
 * kvm_zap_shadow_finish() - end a walk
 * @zap: the walk, which holds mmu_lock for write
 *
 * Unlinks the page tables that became empty, flushes once for everything that was
 * dropped, and frees the unlinked page tables.
 */
void kvm_zap_shadow_finish(struct zap_shadow *zap)
{
	zap_shadow_settle_all(zap);
	zap_shadow_flush(zap);
	kvm_zap_free_tables(zap->kvm, &zap->flushed);
}
