/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policy scoped in the shadow MMU: shared by zap_scoped_shadow.c, which finds what
 * belongs to the memslot, and zap_shadow_drop.c, which drops it.
 */
#ifndef __KVM_X86_MMU_ZAP_SHADOW_H
#define __KVM_X86_MMU_ZAP_SHADOW_H

#include <linux/kvm_host.h>
#include <linux/sched.h>

#include "mmu_internal.h"
#include "spte.h"
#include "zap.h"

/*
 * The cost of a step, in instructions, rounded up from measurements on 6.1. Costs decide
 * which of the two ways to find mappings is cheaper, and when to look whether others
 * wait for mmu_lock.
 */
#define ZAP_COST_HEAD		8	/* look at an rmap */
#define ZAP_COST_HEADS		16	/* see that ZAP_HEADS rmaps are empty */
#define ZAP_COST_GFN		32	/* look a page table up in the hash */
#define ZAP_COST_PAGE		64	/* see that a shadow page is irrelevant */
#define ZAP_COST_TABLE		64	/* look into one that may be relevant */
#define ZAP_COST_CHUNK		256	/* look at KVM_ZAP_CHUNK leaf SPTEs */
#define ZAP_COST_LEAF		256	/* drop a leaf SPTE */
#define ZAP_COST_FIND		3	/* pass over one of an rmap's SPTEs */
#define ZAP_COST_EMPTY		1024	/* unlink a shadow page that is empty */
#define ZAP_COST_UNLINK		18432	/* unlink a shadow page without leafs */
#define ZAP_COST_MAX		8192	/* between two looks; the last step may take longer */

/* Rmaps that are checked together. */
#define ZAP_HEADS		8

/*
 * Page tables that may wait to be checked although one that has waited longer is not
 * empty: most pages have fewer mappings.
 */
#define ZAP_THINNED_MAX		96
#define ZAP_THINNED_FULL	128	/* no more are added for the sake of one page */

/*
 * Lock breaks in one walk while page tables go that do not belong to the memslot. One counts
 * for each level of these that the walk is in.
 */
#define ZAP_ALONG_BREAKS_MAX	4096

struct zap_shadow {
	struct kvm *kvm;
	const struct kvm_memory_slot *slot;
	struct list_head unlinked;	/* page tables to flush for, then to free */
	struct list_head flushed;	/* page tables to free */
	unsigned int leafs[KVM_NR_PAGE_SIZES];	/* dropped, not accounted yet */
	/* page tables that have lost entries, the oldest first */
	struct list_head thinned;
	unsigned int nr_thinned;
	struct kvm_mmu_page *unlinking;	/* only to compare with, may be gone */
	struct kvm_mmu_page *partly;	/* the same: looked at, up to @chunk */
	unsigned int chunk;
	unsigned int along_breaks;	/* see ZAP_ALONG_BREAKS_MAX */
	bool keeps;			/* page tables that it leaves empty */
	bool flush;			/* dropped something, not flushed yet */
	unsigned int cost;		/* since the last look */
};

bool kvm_zap_shadow_break(struct zap_shadow *zap);
void kvm_zap_shadow_look(struct zap_shadow *zap);
void kvm_zap_shadow_rmap(struct zap_shadow *zap, struct kvm_rmap_head *rmap,
			 int level);
bool kvm_zap_shadow_leafs(struct zap_shadow *zap, struct kvm_mmu_page *sp,
			  bool all);
bool kvm_zap_shadow_own(struct zap_shadow *zap, struct kvm_mmu_page *sp);
void kvm_zap_shadow_finish(struct zap_shadow *zap);

/*
 * Account for @cost, and drop mmu_lock if it is time to look and others wait. Return
 * false if it was dropped: shadow pages seen before may be gone.
 */
static inline bool zap_shadow_go_on(struct zap_shadow *zap, unsigned int cost)
{
	zap->cost += cost;
	return zap->cost < ZAP_COST_MAX || kvm_zap_shadow_break(zap);
}

/* The same between two items of a walk, when no shadow page is in use. */
static inline void zap_shadow_next(struct zap_shadow *zap, unsigned int cost)
{
	zap->cost += cost;
	if (zap->cost >= ZAP_COST_MAX)
		kvm_zap_shadow_look(zap);
}

static inline bool zap_shadow_in_slot(const struct zap_shadow *zap, gfn_t gfn)
{
	return gfn - zap->slot->base_gfn < zap->slot->npages;
}

/* Whether @sp shadows a guest page table, see sp_has_gptes() in mmu.c. */
static inline bool zap_shadow_has_gptes(const struct kvm_mmu_page *sp)
{
	return !sp->role.direct && !sp->role.passthrough;
}

/*
 * Whether everything that @sp could map lies in the memslot, so that nothing will be
 * mapped through it again, and KVM would not reclaim it before others that are in use.
 * This includes page tables that NX huge pages put in place of a large page, because a
 * large page lies in one memslot. The worker that recovers the large page has them on a
 * list, and newer ones look the memslot up.
 */
static inline bool zap_shadow_is_inside(const struct zap_shadow *zap,
					const struct kvm_mmu_page *sp)
{
	gfn_t last = sp->gfn - 1 + KVM_PAGES_PER_HPAGE(sp->role.level + 1);

	return sp->role.direct && !sp->root_count &&
	       zap_shadow_in_slot(zap, sp->gfn) && zap_shadow_in_slot(zap, last);
}

/*
 * Whether @sp goes with the memslot. If it shadows a guest page table there, the
 * accounting in that memslot is about to go as well.
 */
static inline bool zap_shadow_belongs(const struct zap_shadow *zap,
				      const struct kvm_mmu_page *sp)
{
	return (zap_shadow_has_gptes(sp) && zap_shadow_in_slot(zap, sp->gfn)) ||
	       zap_shadow_is_inside(zap, sp);
}

#endif /* __KVM_X86_MMU_ZAP_SHADOW_H */
