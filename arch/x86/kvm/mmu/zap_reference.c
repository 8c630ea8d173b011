// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test builds only: policy scoped in the straightforward way that mainline has had since
 * 6.12, for comparison.  It drops leaf SPTEs of the TDP MMU one by one and keeps the page
 * tables.  In the shadow MMU, it visits each rmap of the memslot and looks up each of its
 * gfns in the hash of shadow pages.  It holds mmu_lock for write throughout.
 *
 * The idea is that of mainline's kvm_mmu_zap_memslot(), with functions that 6.1 has.
 */
#include <linux/hash.h>
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>

#include "mmu.h"
#include "mmu_internal.h"
#include "tdp_mmu.h"
#include "zap.h"

bool kvm_zap_reference;
module_param_named(zap_reference, kvm_zap_reference, bool, 0644);
MODULE_PARM_DESC(zap_reference,
		 "Test builds: let policy scoped be the reference engine");

/* What was dropped or unlinked since mmu_lock was taken and is not flushed yet. */
struct zap_reference {
	struct kvm *kvm;
	const struct kvm_memory_slot *slot;
	struct list_head invalid_list;
	bool flush;
};

/*
 * Flush the TLBs for dropped SPTEs, and free unlinked shadow pages, which flushes as well.
 * This has to be done before mmu_lock is released: the next holder relies on no vCPU caching
 * a dropped SPTE.
 */
static void zap_reference_flush(struct zap_reference *zap)
{
	if (!list_empty(&zap->invalid_list))
		kvm_mmu_commit_zap_page(zap->kvm, &zap->invalid_list);
	else if (zap->flush)
		kvm_flush_remote_tlbs(zap->kvm);
	zap->flush = false;
}

static void zap_reference_resched(struct zap_reference *zap)
{
	struct kvm *kvm = zap->kvm;

	if (!need_resched() && !rwlock_needbreak(&kvm->mmu_lock))
		return;

	zap_reference_flush(zap);
	kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
}

static void zap_reference_tdp_leafs(struct zap_reference *zap)
{
	struct kvm_gfn_range range = {
		.slot = (struct kvm_memory_slot *)zap->slot,
		.start = zap->slot->base_gfn,
		.end = zap->slot->base_gfn + zap->slot->npages,
		.may_block = true,
	};
	s64 before;

	if (!kvm_zap_tdp_mmu_enabled(zap->kvm))
		return;

	/* As in kvm_zap_by(): KVM's own function does not say how many it drops. */
	before = kvm_zap_nr_leafs(zap->kvm);
	zap->flush = kvm_tdp_mmu_unmap_gfn_range(zap->kvm, &range, zap->flush);
	kvm_zap_count_sptes(zap->kvm,
			    max(before - kvm_zap_nr_leafs(zap->kvm), 0LL));
}

static void zap_reference_rmaps(struct zap_reference *zap)
{
	const struct kvm_memory_slot *slot = zap->slot;
	gfn_t last = slot->base_gfn + slot->npages - 1;
	struct kvm_rmap_head *rmap;
	unsigned long i, nr;
	int level;

	if (!kvm_memslots_have_rmaps(zap->kvm))
		return;

	for (level = PG_LEVEL_4K; level <= KVM_MAX_HUGEPAGE_LEVEL; level++) {
		rmap = slot->arch.rmap[level - PG_LEVEL_4K];
		nr = gfn_to_index(last, slot->base_gfn, level) + 1;

		for (i = 0; i < nr; i++) {
			kvm_zap_count_sptes(zap->kvm, pte_list_count(&rmap[i]));
			zap->flush |= kvm_zap_all_rmap_sptes(zap->kvm, &rmap[i]);
			zap_reference_resched(zap);
		}
	}
}

/* Whether @sp shadows a guest page table, see sp_has_gptes() in mmu.c. */
static bool zap_reference_has_gptes(const struct kvm_mmu_page *sp)
{
	return !sp->role.direct && !sp->role.passthrough;
}

static void zap_reference_shadow_pages(struct zap_reference *zap)
{
	const struct kvm_memory_slot *slot = zap->slot;
	struct kvm *kvm = zap->kvm;
	struct hlist_head *bucket;
	struct kvm_mmu_page *sp;
	s64 before;
	gfn_t gfn, end = slot->base_gfn + slot->npages;

	for (gfn = slot->base_gfn; gfn < end; gfn++) {
		/* No shadow page shadows a guest page table. */
		if (!kvm->arch.indirect_shadow_pages)
			return;

		before = kvm_zap_nr_leafs(kvm);
		bucket = &kvm->arch.mmu_page_hash[hash_64(gfn, KVM_MMU_HASH_SHIFT)];
		hlist_for_each_entry(sp, bucket, hash_link) {
			/* An invalid page is a root that is still loaded. */
			if (sp->gfn == gfn && !sp->role.invalid &&
			    zap_reference_has_gptes(sp) &&
			    kvm_mmu_page_as_id(sp) == slot->as_id)
				kvm_mmu_prepare_zap_page(kvm, sp,
							 &zap->invalid_list);
		}
		/* Exact: no vCPU maps anything while mmu_lock is held for write. */
		kvm_zap_count_sptes(kvm, before - kvm_zap_nr_leafs(kvm));
		zap_reference_resched(zap);
	}
}

/**
 * kvm_zap_memslot_reference() - drop a memslot's mappings and leave all others
 * @kvm: the VM, its slots_lock held
 * @slot: the memslot, active and marked invalid
 */
void kvm_zap_memslot_reference(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	struct zap_reference zap = {
		.kvm = kvm,
		.slot = slot,
		.invalid_list = LIST_HEAD_INIT(zap.invalid_list),
	};

	write_lock(&kvm->mmu_lock);
	zap_reference_tdp_leafs(&zap);
	zap_reference_rmaps(&zap);
	zap_reference_shadow_pages(&zap);
	zap_reference_flush(&zap);
	write_unlock(&kvm->mmu_lock);
}
