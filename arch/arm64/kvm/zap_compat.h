/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernel lines that zap policies are built for, as in
 * arch/x86/kvm/mmu/zap_compat.h: sites and engines are written for the newest line.  Where an
 * older one has something else, they use a wrapper that is named kvm_zap_*(), or the newest
 * line's name is defined for older ones.
 *
 * The wrappers test for features, never for versions, because features are backported.
 * Features that the preprocessor cannot see are in zap_features.h, which scripts/patch/graft
 * generates from the source of this kernel.
 */
#ifndef __KVM_ARM64_ZAP_COMPAT_H
#define __KVM_ARM64_ZAP_COMPAT_H

#include <linux/cpufeature.h>
#include <linux/kvm_host.h>
#include <asm/kvm_pgtable.h>
#include <asm/tlbflush.h>
#include <asm/virt.h>

#include "zap_features.h"

#ifndef KVM_PGTABLE_LAST_LEVEL
#define KVM_PGTABLE_LAST_LEVEL		(KVM_PGTABLE_MAX_LEVELS - 1)
#endif

/* No hint at the level of what is invalidated.  Where this is not 0, 0 is the hint of level 0. */
#ifndef TLBI_TTL_UNKNOWN
#define TLBI_TTL_UNKNOWN		0
#endif

/* All CPUs' capability @cap, once KVM is there. */
#if KVM_ZAP_HAS_FINAL_CAP
#define kvm_zap_has_cap(cap)		cpus_have_final_cap(cap)
#else
#define kvm_zap_has_cap(cap)		cpus_have_const_cap(cap)
#endif

/* Whether @pgt does without FWB although the CPU has it. */
#if KVM_ZAP_HAS_NOFWB
#define kvm_zap_is_nofwb(pgt)		((pgt)->flags & KVM_PGTABLE_S2_NOFWB)
#else
#define kvm_zap_is_nofwb(pgt)		false
#endif

/*
 * Whether the host has the page tables of a guest's stage 2.  In protected mode, newer kernels
 * leave these to the hypervisor.
 */
static inline bool kvm_zap_has_tables(void)
{
	return !KVM_ZAP_HAS_PKVM_MAPPINGS || !is_protected_kvm_enabled();
}

/*
 * Whether @mmu is the VM's own stage 2, which policies are for.  Those of its nested guests are
 * dropped by KVM's own code, and not counted.
 */
static inline bool kvm_zap_is_own(struct kvm *kvm, const struct kvm_s2_mmu *mmu)
{
	return !KVM_ZAP_HAS_NESTED || mmu == &kvm->arch.mmu;
}

/* What kvm_zap_reason() made of the event of an MMU notifier. */
#if KVM_ZAP_HAS_RANGE_ARG
#define kvm_zap_range_reason(range)	((range)->arg.attributes)
#else
#define kvm_zap_range_reason(range)	pte_val((range)->pte)
#endif

/*
 * KVM's function that unmaps a memslot, and a call of it.  It may release mmu_lock; newer ones
 * have to be told.
 */
#if KVM_ZAP_HAS_RANGE_MAY_BLOCK
typedef void (*kvm_zap_range_fn)(struct kvm_s2_mmu *mmu, phys_addr_t start, u64 size,
				 bool may_block);
#define kvm_zap_unmap_range(unmap, mmu, start, size)	unmap(mmu, start, size, true)
#else
typedef void (*kvm_zap_range_fn)(struct kvm_s2_mmu *mmu, phys_addr_t start, u64 size);
#define kvm_zap_unmap_range(unmap, mmu, start, size)	unmap(mmu, start, size)
#endif

/*
 * Whether KVM and all CPUs can invalidate TLBs by range, how, and how many calls that takes.
 * A range is aligned to pages.
 */
#if KVM_ZAP_HAS_RANGE_TLBI
#define kvm_zap_has_range_tlbi()	system_supports_tlb_range()
#define kvm_zap_range_tlbis(size)	DIV_ROUND_UP((size) >> PAGE_SHIFT, MAX_TLBI_RANGE_PAGES)
#else
#define kvm_zap_has_range_tlbi()	false
#define kvm_zap_range_tlbis(size)	0
static inline void kvm_tlb_flush_vmid_range(struct kvm_s2_mmu *mmu, phys_addr_t addr, size_t size)
{
}
#endif

#endif /* __KVM_ARM64_ZAP_COMPAT_H */
