/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies on arm64: the functions that KVM's code calls, and those of the engines.
 */
#ifndef __KVM_ARM64_ZAP_H
#define __KVM_ARM64_ZAP_H

#include <linux/kvm_host.h>
#include <asm/kvm_mmu.h>
#include <asm/kvm_pgtable.h>

#include "zap_compat.h"

#ifdef CONFIG_KVM_ZAP_POLICY

/**
 * struct kvm_zap_stage2 - an invalidation that drops ranges of stage 2
 * @record: its policy and counts
 * @task: the task that runs it
 * @gone: whether nothing can be mapped any more where the host had the memory
 * @next: the next one in the VM's list, which is run by another task
 *
 * On the stack of @task.  Several may be in progress at once, because vCPUs can be reset and
 * MMU notifiers can unmap ranges at the same time as each other and as a memslot goes, and
 * mmu_lock is released in between.  A hook finds the record of its own task in the VM's list,
 * which mmu_lock protects.
 */
struct kvm_zap_stage2 {
	struct kvm_zap_record record;
	struct task_struct *task;
	bool gone;
	struct kvm_zap_stage2 *next;
};

/* kvm_pgtable_stage2_unmap(), or what replaces it. */
typedef int (*kvm_zap_chunk_fn)(struct kvm_pgtable *pgt, u64 addr, u64 size);

/* __unmap_stage2_range(), which is static in mmu.c. */
typedef void (*kvm_zap_unmap_fn)(struct kvm_s2_mmu *mmu, phys_addr_t start, u64 size,
				 bool may_block);

typedef void (*kvm_zap_destroy_fn)(struct kvm_pgtable *pgt);

/* zap.c: the sites */
void kvm_zap_memslot(struct kvm *kvm, const struct kvm_memory_slot *slot,
		     kvm_zap_range_fn unmap, phys_addr_t start, u64 size);
void kvm_zap_reset(struct kvm *kvm);
void kvm_zap_tables(struct kvm *kvm, const struct kvm_gfn_range *range, kvm_zap_unmap_fn unmap,
		    phys_addr_t start, u64 size);
void kvm_zap_destroy(struct kvm *kvm, struct kvm_pgtable *pgt, kvm_zap_destroy_fn destroy);
int kvm_zap_unmap(struct kvm_pgtable *pgt, u64 addr, u64 size);
int kvm_zap_yield(struct kvm *kvm, int yielded);

/* Whether the range of at least one level 3 table is in @range as a whole. */
static inline bool kvm_zap_has_table(const struct kvm_gfn_range *range)
{
	if (likely(range->end - range->start < PTRS_PER_PTE))
		return false;

	return ALIGN(range->start, PTRS_PER_PTE) + PTRS_PER_PTE <= range->end;
}

/**
 * kvm_zap_gfn_range() - drop the mappings of a range that an MMU notifier unmaps
 * @kvm: the VM, its mmu_lock held for write
 * @range: the range, within one memslot
 * @unmap: KVM's function that unmaps a range
 * @start: the beginning of @range, an IPA
 * @size: its length in bytes
 *
 * Most ranges are a page.  Those without a whole level 3 table are no invalidation; KVM's own
 * code unmaps them.
 */
static __always_inline void
kvm_zap_gfn_range(struct kvm *kvm, const struct kvm_gfn_range *range, kvm_zap_unmap_fn unmap,
		  phys_addr_t start, u64 size)
{
	if (kvm_zap_has_table(range))
		kvm_zap_tables(kvm, range, unmap, start, size);
	else
		unmap(&kvm->arch.mmu, start, size, range->may_block);
}

/**
 * kvm_zap_unmapper() - choose the function that unmaps each chunk of a range of stage 2
 * @mmu: the stage 2, which may be that of a nested guest; mmu_lock of its VM is held for write
 * @unmap: KVM's own function
 *
 * Return: the function to call, which is @unmap if no invalidation is in progress, or if the
 * hypervisor has the page tables: then nothing is counted.
 */
static inline kvm_zap_chunk_fn
kvm_zap_unmapper(struct kvm_s2_mmu *mmu, kvm_zap_chunk_fn unmap)
{
	struct kvm *kvm = kvm_s2_mmu_to_kvm(mmu);

	return unlikely(kvm->zap->arch.first) && kvm_zap_is_own(kvm, mmu) &&
	       kvm_zap_has_tables() ? kvm_zap_unmap : unmap;
}

/**
 * kvm_zap_yield_mmu() - count a lock break, unless it is for the stage 2 of a nested guest
 * @mmu: the stage 2; mmu_lock of its VM is held for write
 * @yielded: whether mmu_lock was released
 *
 * Return: @yielded
 */
static inline int kvm_zap_yield_mmu(struct kvm_s2_mmu *mmu, int yielded)
{
	struct kvm *kvm = kvm_s2_mmu_to_kvm(mmu);

	return kvm_zap_is_own(kvm, mmu) ? kvm_zap_yield(kvm, yielded) : yielded;
}

/* zap_count.c: counts what policy walk is about to drop */
void kvm_zap_count_range(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, u64 addr,
			 u64 size);
void kvm_zap_count_all(struct kvm_zap_record *zap, struct kvm_pgtable *pgt);

/* zap_bulk.c: policy bulk, and elide but for what zap_elide.c decides */
void kvm_zap_bulk_range(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, u64 addr,
			u64 size, bool gone);
void kvm_zap_bulk_all(struct kvm_zap_record *zap, struct kvm_pgtable *pgt);

/* zap_elide.c: policy elide */
bool kvm_zap_is_gone(struct kvm *kvm, const struct kvm_gfn_range *range);
bool kvm_zap_is_dying(phys_addr_t phys, u64 size);

#else /* !CONFIG_KVM_ZAP_POLICY: what the stock kernel does */

/* Macros, because some arguments are static functions of mmu.c. */
#define kvm_zap_memslot(kvm, slot, unmap, start, size)	\
	kvm_zap_unmap_range(unmap, &(kvm)->arch.mmu, start, size)
#define kvm_zap_reset(kvm)				stage2_unmap_vm(kvm)
#define kvm_zap_gfn_range(kvm, range, unmap, start, size)	\
	unmap(&(kvm)->arch.mmu, start, size, (range)->may_block)
#define kvm_zap_destroy(kvm, pgt, destroy)		destroy(pgt)
#define kvm_zap_unmapper(mmu, unmap)			(unmap)
#define kvm_zap_yield(kvm, yielded)			(yielded)
#define kvm_zap_yield_mmu(mmu, yielded)			(yielded)

#endif /* CONFIG_KVM_ZAP_POLICY */

#endif /* __KVM_ARM64_ZAP_H */
