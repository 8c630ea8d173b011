/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies on arm64: the functions that KVM's code calls, and those of the engines.
 */
#ifndef __KVM_ARM64_ZAP_H
#define __KVM_ARM64_ZAP_H

#include <linux/kvm_host.h>
#include <asm/kvm_pgtable.h>

#ifdef CONFIG_KVM_ZAP_POLICY

/**
 * struct kvm_zap_stage2 - an invalidation that drops ranges of stage 2
 * @record: its policy and counts
 * @task: the task that runs it
 * @next: the next one in the VM's list, which is run by another task
 *
 * On the stack of @task.  Several may be in progress at once, because vCPUs can be reset at
 * the same time as each other and as a memslot goes, and mmu_lock is released in between.
 * A hook finds the record of its own task in the VM's list, which mmu_lock protects.
 */
struct kvm_zap_stage2 {
	struct kvm_zap_record record;
	struct task_struct *task;
	struct kvm_zap_stage2 *next;
};

/* unmap_stage2_range(), which is static in mmu.c. */
typedef void (*kvm_zap_range_fn)(struct kvm_s2_mmu *mmu, phys_addr_t start, u64 size);

/* kvm_pgtable_stage2_unmap(), or what replaces it. */
typedef int (*kvm_zap_chunk_fn)(struct kvm_pgtable *pgt, u64 addr, u64 size);

typedef void (*kvm_zap_destroy_fn)(struct kvm_pgtable *pgt);

/* zap.c: the sites */
void kvm_zap_memslot(struct kvm *kvm, const struct kvm_memory_slot *slot,
		     kvm_zap_range_fn unmap, phys_addr_t start, u64 size);
void kvm_zap_reset(struct kvm *kvm);
void kvm_zap_destroy(struct kvm *kvm, struct kvm_pgtable *pgt, kvm_zap_destroy_fn destroy);
kvm_zap_chunk_fn kvm_zap_unmapper(struct kvm *kvm, kvm_zap_chunk_fn unmap);
int kvm_zap_yield(struct kvm *kvm, int yielded);

/* zap_count.c: counts what policy walk is about to drop */
void kvm_zap_count_range(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, u64 addr,
			 u64 size);
void kvm_zap_count_all(struct kvm_zap_record *zap, struct kvm_pgtable *pgt);

/* zap_bulk.c: policy bulk */
void kvm_zap_bulk_range(struct kvm_zap_record *zap, struct kvm_pgtable *pgt, u64 addr,
			u64 size);
void kvm_zap_bulk_all(struct kvm_zap_record *zap, struct kvm_pgtable *pgt);

#else /* !CONFIG_KVM_ZAP_POLICY: what the stock kernel does */

/* Macros, because some arguments are static functions of mmu.c. */
#define kvm_zap_memslot(kvm, slot, unmap, start, size)	unmap(&(kvm)->arch.mmu, start, size)
#define kvm_zap_reset(kvm)				stage2_unmap_vm(kvm)
#define kvm_zap_destroy(kvm, pgt, destroy)		destroy(pgt)
#define kvm_zap_unmapper(kvm, unmap)			(unmap)
#define kvm_zap_yield(kvm, yielded)			(yielded)

#endif /* CONFIG_KVM_ZAP_POLICY */

#endif /* __KVM_ARM64_ZAP_H */
