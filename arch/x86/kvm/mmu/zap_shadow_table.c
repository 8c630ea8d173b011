// SPDX-License-Identifier: GPL-2.0-only
/*
 * Empty page tables of the shadow MMU. For one of these, KVM's own code would search all
 * 512 entries, and it does not reschedule while it frees many.
 */
#include <linux/kvm_host.h>

#include "mmu.h"
#include "mmu_internal.h"
#include "spte.h"
#include "zap.h"

/* Page tables to free between two looks whether others wait. */
#define ZAP_FREE_BATCH	8

/*
 * Whether @sp has a leaf SPTE. Empty chunks are not searched again. The search starts at
 * the end, because a walk that is under way starts at the beginning.
 */
static bool zap_table_has_leafs(struct kvm_mmu_page *sp)
{
	u64 *spte, *first;

	while (sp->zap.leafs) {
		first = sp->spt + __fls(sp->zap.leafs) * KVM_ZAP_CHUNK;
		for (spte = first + KVM_ZAP_CHUNK; spte-- > first;)
			if (is_shadow_present_pte(*spte) &&
			    is_last_spte(*spte, sp->role.level))
				return true;
		__clear_bit(__fls(sp->zap.leafs), &sp->zap.leafs);
	}

	return false;
}

/**
 * kvm_zap_table_is_empty() - check whether a page table has no present entry
 * @sp: the page table, mmu_lock held for write
 *
 * Return: whether it maps nothing and has no children. MMIO SPTEs do not count.
 */
bool kvm_zap_table_is_empty(struct kvm_mmu_page *sp)
{
	int i = SPTE_ENT_PER_PAGE;

	if (zap_table_has_leafs(sp))
		return false;
	if (sp->role.level == PG_LEVEL_4K)
		return true;

	while (i--)
		if (is_shadow_present_pte(sp->spt[i]))
			return false;

	return true;
}

/**
 * kvm_zap_unlink_empty() - unlink an empty page table
 * @kvm: the VM, its mmu_lock held for write
 * @sp: the page table, not a root in use unless no vCPU can run any more
 * @unlinked: the list to put it on; free it when vCPUs have left it
 */
void kvm_zap_unlink_empty(struct kvm *kvm, struct kvm_mmu_page *sp,
			  struct list_head *unlinked)
{
	sp->zap.empty = true;
	kvm_mmu_prepare_zap_page(kvm, sp, unlinked);
}

/**
 * kvm_zap_free_tables() - free unlinked page tables
 * @kvm: the VM, its mmu_lock held for write
 * @tables: the page tables, which no vCPU uses or walks any more
 *
 * May drop mmu_lock. The page tables that are left are still in the hash of shadow
 * pages then, where everybody skips them because they are invalid.
 */
void kvm_zap_free_tables(struct kvm *kvm, struct list_head *tables)
{
	struct kvm_mmu_page *sp, *next;
	unsigned int freed = 0;

	list_for_each_entry_safe(sp, next, tables, link) {
		kvm_mmu_free_shadow_page(sp);
		if (++freed % ZAP_FREE_BATCH)
			continue;
		kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
	}
}
