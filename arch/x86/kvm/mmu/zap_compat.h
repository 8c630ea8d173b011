/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernel lines that zap policies are built for.  Sites and engines
 * are written for the newest line.  Where a function has other parameters on another line,
 * or a field is elsewhere, they use a wrapper that is named kvm_zap_*(), or the newest
 * line's name is defined for older ones.
 *
 * The wrappers test for features, never for versions, because features are backported.
 * Features that the preprocessor cannot see are in zap_features.h, which scripts/patch/graft
 * generates from the source of this kernel.
 *
 * KVM's functions that lose their "static" for the engines are declared here and in zap.h
 * ahead of their definition, so that a changed function does not compile.
 */
#ifndef __KVM_X86_MMU_ZAP_COMPAT_H
#define __KVM_X86_MMU_ZAP_COMPAT_H

#include <linux/kvm_host.h>

#include "zap_features.h"

struct kvm_mmu_page;

#if KVM_ZAP_HAS_MMIO_SPTE_PER_VM
#define kvm_zap_is_mmio_spte(kvm, spte)	is_mmio_spte(kvm, spte)
#else
#define kvm_zap_is_mmio_spte(kvm, spte)	is_mmio_spte(spte)
#endif

#ifdef KVM_ADDRESS_SPACE_NUM
#define kvm_zap_nr_as_ids(kvm)		KVM_ADDRESS_SPACE_NUM
#else
#define kvm_zap_nr_as_ids(kvm)		kvm_arch_nr_memslot_as_ids(kvm)
#endif

#if KVM_ZAP_HAS_TDP_MMU_PER_VM
#define kvm_zap_tdp_mmu_enabled(kvm)	is_tdp_mmu_enabled(kvm)
#else
#define kvm_zap_tdp_mmu_enabled(kvm)	tdp_mmu_enabled
#endif

#if !KVM_ZAP_HAS_FROZEN_SPTE
#define FROZEN_SPTE			REMOVED_SPTE
#endif

#if !KVM_ZAP_HAS_NONPRESENT_VALUE
#define SHADOW_NONPRESENT_VALUE		0ULL
#endif

#if !KVM_ZAP_HAS_FLUSH_RANGE
#define kvm_flush_remote_tlbs_range(kvm, gfn, nr_pages)	\
	kvm_flush_remote_tlbs_with_address(kvm, gfn, nr_pages)
#endif

/*
 * Whether a page is marked accessed and dirty when a leaf SPTE that maps it is dropped.
 * Since 6.13, that is done when the SPTE is made.
 */
#define KVM_ZAP_TELLS_PAGE		KVM_ZAP_HAS_PAGE_TOLD_AT_ZAP

/*
 * Whether other tasks remove page tables of the TDP MMU with mmu_lock held only for read,
 * and flush later.  The NX huge page worker does so since 6.18.
 */
#define KVM_ZAP_NX_WORKER_IS_SHARED	KVM_ZAP_HAS_NX_WORKER_SHARED

/*
 * Whether KVM drops the SPTEs whose memory type changes when the first device with
 * non-coherent DMA comes or the last one goes.  If not, see kvm_arch_zap_demand().
 */
#define KVM_ZAP_MEMTYPE_FOLLOWS_DMA	KVM_ZAP_HAS_MEMTYPE_FOLLOWS_DMA

/* Devices assigned to a VM, -1 on newer kernels, which do not count them. */
#if KVM_ZAP_HAS_ASSIGNED_COUNT
#define kvm_zap_nr_assigned(kvm)	atomic_read(&(kvm)->arch.assigned_device_count)
#else
#define kvm_zap_nr_assigned(kvm)	(-1)
#endif

/* Whether a VM is of the default type. */
#ifdef KVM_X86_DEFAULT_VM
#define kvm_zap_is_default_vm(kvm)	((kvm)->arch.vm_type == KVM_X86_DEFAULT_VM)
#else
#define kvm_zap_is_default_vm(kvm)	true
#endif

/*
 * The roots of the TDP MMU, including invalid ones, but not those that mirror page tables of
 * the TDX module.  @shared says whether mmu_lock is held for read.
 */
#if KVM_ZAP_HAS_TDP_ROOT_TYPES
enum kvm_tdp_mmu_root_types;
struct kvm_mmu_page *tdp_mmu_next_root(struct kvm *kvm,
				       struct kvm_mmu_page *prev_root,
				       enum kvm_tdp_mmu_root_types types);
#define kvm_zap_tdp_next_root(kvm, prev, shared)	\
	tdp_mmu_next_root(kvm, prev, KVM_DIRECT_ROOTS | KVM_INVALID_ROOTS)
#elif KVM_ZAP_HAS_TDP_ROOT_SHARED
struct kvm_mmu_page *tdp_mmu_next_root(struct kvm *kvm,
				       struct kvm_mmu_page *prev_root,
				       bool shared, bool only_valid);
#define kvm_zap_tdp_next_root(kvm, prev, shared)	\
	tdp_mmu_next_root(kvm, prev, shared, false)
#else
struct kvm_mmu_page *tdp_mmu_next_root(struct kvm *kvm,
				       struct kvm_mmu_page *prev_root,
				       bool only_valid);
#define kvm_zap_tdp_next_root(kvm, prev, shared)	\
	tdp_mmu_next_root(kvm, prev, false)
#endif

#if KVM_ZAP_HAS_TDP_UNLINK_SHARED
void tdp_mmu_unlink_sp(struct kvm *kvm, struct kvm_mmu_page *sp, bool shared);
#define kvm_zap_tdp_unlink_sp(kvm, sp, shared)	\
	tdp_mmu_unlink_sp(kvm, sp, shared)
#else
void tdp_mmu_unlink_sp(struct kvm *kvm, struct kvm_mmu_page *sp);
#define kvm_zap_tdp_unlink_sp(kvm, sp, shared)	tdp_mmu_unlink_sp(kvm, sp)
#endif

#if KVM_ZAP_HAS_TDP_ITER_PER_VM
#define for_each_kvm_zap_tdp_pte(iter, kvm, root, min_level, start, end) \
	for_each_tdp_pte_min_level(iter, kvm, root, min_level, start, end)
#else
#define for_each_kvm_zap_tdp_pte(iter, kvm, root, min_level, start, end) \
	for_each_tdp_pte_min_level(iter, root, min_level, start, end)
#endif

/* The number of shadow pages in use. */
#if KVM_ZAP_HAS_STAT_SHADOW_PAGES
#define kvm_zap_nr_shadow_pages(kvm)	((unsigned long)READ_ONCE((kvm)->stat.mmu_shadow_pages))
#else
#define kvm_zap_nr_shadow_pages(kvm)	READ_ONCE((kvm)->arch.n_used_mmu_pages)
#endif

/*
 * The value of an rmap is 0 if it is empty, has bit 0 set if there are several SPTEs, and
 * otherwise is the address of the only SPTE.  On lines where rmaps have a lock, lockless
 * aging walks them without mmu_lock, and such a walk has to end before the rmap changes; a
 * bit of the value is that lock.
 * So an rmap is changed only between kvm_zap_rmap_begin(), which returns its value, and
 * kvm_zap_rmap_end(), which sets it to @val.
 *
 * kvm_zap_rmap_forget() empties an rmap whose only SPTE is @spte; the SPTE itself may be
 * dropped later.  It returns false if the rmap has another value or is being walked.
 */
#if KVM_ZAP_HAS_RMAP_LOCK
unsigned long kvm_rmap_lock(struct kvm *kvm, struct kvm_rmap_head *rmap_head);
void kvm_rmap_unlock(struct kvm *kvm, struct kvm_rmap_head *rmap_head,
		     unsigned long new_val);
#define kvm_zap_rmap_val(rmap)		atomic_long_read(&(rmap)->val)
#define kvm_zap_rmap_begin(kvm, rmap)	kvm_rmap_lock(kvm, rmap)
#define kvm_zap_rmap_end(kvm, rmap, val)	kvm_rmap_unlock(kvm, rmap, val)

static inline bool kvm_zap_rmap_forget(struct kvm_rmap_head *rmap, const u64 *spte)
{
	long val = (long)spte;

	return atomic_long_try_cmpxchg(&rmap->val, &val, 0);
}
#else
#define kvm_zap_rmap_val(rmap)		((rmap)->val)
#define kvm_zap_rmap_begin(kvm, rmap)	((rmap)->val)
#define kvm_zap_rmap_end(kvm, rmap, new)	((void)((rmap)->val = (new)))

static inline bool kvm_zap_rmap_forget(struct kvm_rmap_head *rmap, const u64 *spte)
{
	if (rmap->val != (unsigned long)spte)
		return false;

	rmap->val = 0;
	return true;
}
#endif

static inline bool kvm_zap_rmap_has_many(const struct kvm_rmap_head *rmap)
{
	return kvm_zap_rmap_val(rmap) & 1;
}

#endif /* __KVM_X86_MMU_ZAP_COMPAT_H */
