// SPDX-License-Identifier: GPL-2.0-only
/*
 * Site mmio, policy scoped: drop MMIO SPTEs and nothing else.
 *
 * An MMIO SPTE carries the low bits of the memslot generation in which it was made, and
 * is only used in that generation. When these bits wrap, an old MMIO SPTE would be taken
 * for valid one cycle later. KVM keeps no list of MMIO SPTEs, so this walks all page
 * tables, with lock breaks.
 *
 * kvm_swap_active_memslots() calls this before it clears the flag that says that an
 * update is in progress. While the flag is set, vCPUs do not use MMIO SPTEs, see
 * check_mmio_spte(), but they make new ones, ahead of the walk and behind it, with the
 * generation of the update in progress: the last one of the cycle. Therefore the next
 * generation begins before the walk does. SRCU readers see only the new memslots by then,
 * so MMIO SPTEs made from here on are right. The walk drops every MMIO SPTE that it meets
 * nevertheless: one with the number of the new generation may also be one cycle old.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "mmu_internal.h"
#include "mmutrace.h"
#include "tdp_iter.h"
#include "tdp_mmu.h"
#include "zap.h"

struct zap_mmio {
	struct kvm *kvm;
	int as_id;		/* whose generation wraps */
	gfn_t next;		/* TDP MMU: what is below is done, for the root at hand */
};

/*
 * Set in the generation while it is ahead of time. Caches keyed by the memslot generation
 * compare all its bits, and the next update has the same number with the same flag, so
 * without a mark the two could be confused. It takes 2^61 updates until the generation
 * itself uses this bit.
 */
#define ZAP_MMIO_GEN_EARLY	BIT_ULL(62)
static_assert(!(ZAP_MMIO_GEN_EARLY &
		(KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS | MMIO_SPTE_GEN_MASK)));

/*
 * Begin the new generation, for MMIO SPTEs only: the flag for an update in progress stays
 * set. kvm_swap_active_memslots() has computed the same number, and will store it without
 * the flag. mmu_lock is held for write, because a vCPU that makes an MMIO SPTE holds it
 * from reading the generation until the SPTE is in place.
 */
static void zap_mmio_begin_generation(struct zap_mmio *zap)
{
	struct kvm_memslots *slots;
	int i;

	lockdep_assert_held_write(&zap->kvm->mmu_lock);

	for (i = 0; i < kvm_zap_nr_as_ids(zap->kvm); i++) {
		slots = __kvm_memslots(zap->kvm, i);
		if (!(slots->generation & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS))
			continue;
		zap->as_id = i;
		WRITE_ONCE(slots->generation,
			   (slots->generation + kvm_zap_nr_as_ids(zap->kvm)) |
			   ZAP_MMIO_GEN_EARLY);
		return;
	}
	WARN_ON_ONCE(1);
}

static void zap_mmio_shadow_page(struct zap_mmio *zap, struct kvm_mmu_page *sp)
{
	u64 *spte, *end = sp->spt + SPTE_ENT_PER_PAGE;

	if (kvm_mmu_page_as_id(sp) != zap->as_id)
		return;

	for (spte = sp->spt; spte < end; spte++) {
		if (!kvm_zap_is_mmio_spte(zap->kvm, *spte))
			continue;
		/* An MMIO SPTE has no children. */
		WARN_ON_ONCE(mmu_page_zap_pte(zap->kvm, sp, spte, NULL));
		kvm_zap_count_sptes(zap->kvm, 1);
	}
}

/* Keeps the place in the list like zap_shadow_by_pages(). */
static void zap_mmio_shadow(struct zap_mmio *zap)
{
	struct kvm *kvm = zap->kvm;
	unsigned long left = kvm_zap_nr_shadow_pages(kvm);
	struct kvm_mmu_page *sp;

	lockdep_assert_held_write(&kvm->mmu_lock);

	for (; left && !list_empty(&kvm->arch.active_mmu_pages); left--) {
		sp = list_last_entry(&kvm->arch.active_mmu_pages,
				     struct kvm_mmu_page, link);
		zap_mmio_shadow_page(zap, sp);
		list_move(&sp->link, &kvm->arch.active_mmu_pages);
		kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
	}
}

/* Drop @sptep, whose value is @spte. If it has changed, a vCPU has made a new one. */
static void zap_mmio_tdp_drop(struct zap_mmio *zap, u64 *sptep, u64 spte,
			      gfn_t gfn, int level)
{
	if (!try_cmpxchg64(sptep, &spte, SHADOW_NONPRESENT_VALUE))
		return;
	trace_kvm_tdp_mmu_spte_changed(zap->as_id, gfn, level, spte,
				       SHADOW_NONPRESENT_VALUE);
	kvm_zap_count_sptes(zap->kvm, 1);
}

/*
 * Drop the MMIO SPTEs in page table @pt and below, which maps gfns from @gfn on by SPTEs of
 * @level. A plain scan, because few SPTEs are MMIO and tdp_iter takes several times as
 * long. RCU keeps a page table that is being removed, and dropping its MMIO SPTEs does no
 * harm. Return false to let others have mmu_lock first.
 */
static bool zap_mmio_tdp_table(struct zap_mmio *zap, tdp_ptep_t pt, int level, gfn_t gfn)
{
	gfn_t done = zap->next > gfn ? zap->next - gfn : 0;
	gfn_t step = KVM_PAGES_PER_HPAGE(level);
	u64 *sptep = rcu_dereference(pt), spte;
	tdp_ptep_t child;
	int i;

	for (i = done / step; i < SPTE_ENT_PER_PAGE; i++) {
		spte = READ_ONCE(sptep[i]);
		if (!is_shadow_present_pte(spte)) {
			if (kvm_zap_is_mmio_spte(zap->kvm, spte))
				zap_mmio_tdp_drop(zap, &sptep[i], spte, gfn + i * step, level);
			continue;
		}
		child = level > PG_LEVEL_4K ? spte_to_child_pt(spte, level) : NULL;
		if (child && !zap_mmio_tdp_table(zap, child, level - 1, gfn + i * step))
			return false;
	}

	zap->next = gfn + i * step;
	return !need_resched() && !rwlock_needbreak(&zap->kvm->mmu_lock);
}

/*
 * After a lock break, walk from the root again: page tables may be gone. There is no lock
 * break after the end of the walk.
 */
static void zap_mmio_tdp_root(struct zap_mmio *zap, struct kvm_mmu_page *root)
{
	gfn_t end = KVM_PAGES_PER_HPAGE(root->role.level + 1);
	tdp_ptep_t pt = (tdp_ptep_t)root->spt;

	zap->next = 0;
	rcu_read_lock();
	while (!zap_mmio_tdp_table(zap, pt, root->role.level, 0) && zap->next < end) {
		rcu_read_unlock();
		kvm_zap_count_yield(zap->kvm, cond_resched_rwlock_read(&zap->kvm->mmu_lock));
		rcu_read_lock();
	}
	rcu_read_unlock();
}

static void zap_mmio_tdp(struct zap_mmio *zap)
{
	struct kvm *kvm = zap->kvm;
	struct kvm_mmu_page *root = NULL;

	lockdep_assert_held_read(&kvm->mmu_lock);

	while ((root = kvm_zap_tdp_next_root(kvm, root, true))) {
		if (kvm_mmu_page_as_id(root) != zap->as_id)
			continue;
		zap_mmio_tdp_root(zap, root);
	}
}

/**
 * kvm_zap_mmio_scoped() - drop MMIO SPTEs because their generation wraps
 * @kvm: the VM, its slots_lock held, a memslot update in progress
 *
 * Needs no TLB flush: TLBs do not hold MMIO SPTEs, which are not present or have
 * reserved bits set.
 */
void kvm_zap_mmio_scoped(struct kvm *kvm)
{
	struct zap_mmio zap = { .kvm = kvm };

	lockdep_assert_held(&kvm->slots_lock);

	write_lock(&kvm->mmu_lock);
	zap_mmio_begin_generation(&zap);
	zap_mmio_shadow(&zap);
	write_unlock(&kvm->mmu_lock);

	if (!kvm_zap_tdp_mmu_enabled(kvm))
		return;

	read_lock(&kvm->mmu_lock);
	zap_mmio_tdp(&zap);
	read_unlock(&kvm->mmu_lock);
}
