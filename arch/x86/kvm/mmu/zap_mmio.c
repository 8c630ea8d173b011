// SPDX-License-Identifier: GPL-2.0-only
/*
 * Site mmio, policy scoped: drop MMIO SPTEs and nothing else.
 *
 * An MMIO SPTE carries the low bits of the memslots' generation that it was made
 * in, and is used in that generation only.  When these bits wrap, one that is
 * left would be taken for valid a whole cycle later.  There is no list of them:
 * they are found by a walk of everything, with lock breaks.
 *
 * While the memslots are being updated, and kvm_swap_active_memslots() calls
 * this before it says that they are not, vCPUs use no MMIO SPTE, see
 * check_mmio_spte().  But they make new ones, in front of the walk and behind
 * it, with the generation of the update under way: the last one of the cycle.
 * So let it be the next one before the walk begins.  By then SRCU readers see
 * the new memslots only, so what vCPUs make from here on is right.  All that the
 * walk meets goes nevertheless: one with the number of the new generation may
 * also be as old as a whole cycle.
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
 * Set in the generation while it is the new one ahead of time.  Whoever caches
 * something by the memslots' generation compares all of it, and the next update
 * has the same number with the same flag: without a mark of its own this one
 * would be taken for that.  The generation does not get that far in 2^61 updates.
 */
#define ZAP_MMIO_GEN_EARLY	BIT_ULL(62)
static_assert(!(ZAP_MMIO_GEN_EARLY &
		(KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS | MMIO_SPTE_GEN_MASK)));

/*
 * Begin the new generation, for MMIO SPTEs alone: the flag that says that an
 * update is under way stays.  kvm_swap_active_memslots() has computed the same
 * number and stores it without the flag.  mmu_lock is held for write, as who
 * makes an MMIO SPTE holds it from reading the generation until the SPTE is in
 * place: no one is in between.
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
		/* An MMIO SPTE has no child that could be taken along. */
		WARN_ON_ONCE(mmu_page_zap_pte(zap->kvm, sp, spte, NULL));
		kvm_zap_count_sptes(zap->kvm, 1);
	}
}

/* Keeps its place in the list as zap_shadow_by_pages() does. */
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

/* Drop @sptep, which is @spte.  If it has changed, a vCPU has made a new one of it. */
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
 * Page table @pt, whose SPTEs of @level map what is from @gfn on, and those below it. A
 * plain scan: few SPTEs are MMIO, and tdp_iter takes several times as long for each. RCU
 * keeps a page table that is being removed: to drop what is in it does no harm. False if
 * others wait, who come before the rest.
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
 * From the root again after a lock break: page tables may be gone by then. None when the
 * walk has come to the end.
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
 * kvm_zap_mmio_scoped() - drop MMIO SPTEs, the generation in them wraps
 * @kvm: the VM, its slots_lock held, an update of its memslots under way
 *
 * No TLB needs a flush, none holds an MMIO SPTE: they are not present, or have
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
