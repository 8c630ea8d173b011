/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies on x86: the sites, their policies, and what is counted.
 *
 * include/linux/kvm_zap.h includes this file and describes each list.
 */
#ifndef _ASM_X86_KVM_ZAP_H
#define _ASM_X86_KVM_ZAP_H

#include <linux/bits.h>
#include <linux/types.h>

/* The default of memslot_zap, chosen in Kconfig. */
#define KVM_ARCH_ZAP_MEMSLOT_WORD					\
	(IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_FAST) ? KVM_ZAP_POLICY_FAST :	\
	 IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_SCOPED) ? KVM_ZAP_POLICY_SCOPED :	\
	 IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_AUTO) ? KVM_ZAP_POLICY_AUTO :	\
	 KVM_ZAP_POLICY_STOCK)

#define KVM_ARCH_ZAP_SITES(X, XE)					\
	X(MEMSLOT, memslot, STOCK, KVM_ARCH_ZAP_MEMSLOT_WORD,		\
	  BIT(KVM_ZAP_POLICY_STOCK) | BIT(KVM_ZAP_POLICY_FAST) |	\
	  BIT(KVM_ZAP_POLICY_SCOPED) | BIT(KVM_ZAP_POLICY_AUTO),	\
	  "How to drop mappings when a memslot is deleted or moved: stock, fast, scoped, auto") \
	X(MMIO, mmio, FAST, KVM_ZAP_POLICY_FAST,			\
	  BIT(KVM_ZAP_POLICY_FAST) | BIT(KVM_ZAP_POLICY_SCOPED),	\
	  "How to drop MMIO SPTEs when the MMIO generation wraps: fast, scoped") \
	XE(TEARDOWN, teardown, WALK, KVM_ZAP_POLICY_WALK,		\
	   BIT(KVM_ZAP_POLICY_WALK) | BIT(KVM_ZAP_POLICY_FAST) |	\
	   BIT(KVM_ZAP_POLICY_BULK),					\
	   "How to drop mappings when a VM goes away: walk, fast, bulk")

#define KVM_ARCH_ZAP_COUNTERS(X, arg)					\
	X(arg, MEMSLOT, memslot, FAST, fast)				\
	X(arg, MEMSLOT, memslot, SCOPED, scoped)			\
	X(arg, MMIO, mmio, FAST, fast)					\
	X(arg, MMIO, mmio, SCOPED, scoped)

#define KVM_ARCH_ZAP_TIMES(X)						\
	X(FAST, fast)							\
	X(SCOPED, scoped)

#define KVM_ARCH_ZAP_EXTRAS(X, arg)

/* vCPUs count the page faults that they resolve, see kvm_arch_zap_faults(). */
#define KVM_ARCH_ZAP_KNOWS_FAULTS	1

/* slots_lock, or the end of the VM, keeps invalidations of a VM apart. */
#define KVM_ARCH_ZAP_SIDE_BY_SIDE	0

/**
 * struct kvm_arch_zap - x86's part of struct kvm_zap
 * @sregs: how often userspace has set special registers while guest page tables are shadowed
 * @refreshed: the value of @sregs up to which no older mapping is left
 * @refreshing: @sregs when a fast zap began
 * @kept: whether policy scoped has kept what may be stale once special registers are set
 * @leafs: leaf SPTEs of the VM when KVM's own code began to drop those of a memslot
 * @nx: whether the NX huge page worker has ever had page tables of the VM to remove; on
 *      kernels whose worker holds mmu_lock for read
 *
 * See arch/x86/kvm/mmu/zap_sregs.c for the first four.  slots_lock protects @leafs.  Nothing
 * protects @nx, which is only ever set, see kvm_zap_note_nx().
 */
struct kvm_arch_zap {
	atomic_t sregs;
	int refreshed;
	int refreshing;
	bool kept;
	bool nx;
	s64 leafs;
};

#endif /* _ASM_X86_KVM_ZAP_H */
