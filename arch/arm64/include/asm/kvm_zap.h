/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies on arm64: the sites, their policies, and what is counted.
 *
 * include/linux/kvm_zap.h includes this file and describes each list.
 */
#ifndef __ASM_ARM64_KVM_ZAP_H
#define __ASM_ARM64_KVM_ZAP_H

#include <linux/bits.h>

/* The policies that include/linux/kvm_zap.h does not have: elide, at site unmap. */
#define KVM_ARCH_ZAP_POLICIES(X, XE)	\
	X(BULK, "bulk")			\
	XE(ELIDE, "elide")

/* elide is not for each machine, see kvm_arch_zap_refuse(). */
#define KVM_ARCH_ZAP_REFUSES	1

#define KVM_ARCH_ZAP_WORDS	(BIT(KVM_ZAP_POLICY_WALK) | BIT(KVM_ZAP_POLICY_BULK))
#define KVM_ARCH_ZAP_UNMAP_WORDS	(KVM_ARCH_ZAP_WORDS | BIT(KVM_ZAP_POLICY_ELIDE))

#define KVM_ARCH_ZAP_SITES(X, XE)					\
	X(MEMSLOT, memslot, WALK, KVM_ZAP_POLICY_WALK, KVM_ARCH_ZAP_WORDS, \
	  "How to drop mappings when a memslot is deleted or moved: walk, bulk") \
	X(RESET, reset, WALK, KVM_ZAP_POLICY_WALK, KVM_ARCH_ZAP_WORDS,	\
	  "How to drop mappings of RAM when a vCPU is reset: walk, bulk") \
	X(TEARDOWN, teardown, WALK, KVM_ZAP_POLICY_WALK, KVM_ARCH_ZAP_WORDS, \
	  "How to drop mappings when a VM goes away: walk, bulk")	\
	XE(UNMAP, unmap, WALK, KVM_ZAP_POLICY_WALK, KVM_ARCH_ZAP_UNMAP_WORDS, \
	   "How to drop mappings of memory that the host unmaps: walk, bulk, elide")

#define KVM_ARCH_ZAP_COUNTERS(X, arg)					\
	X(arg, MEMSLOT, memslot, WALK, walk)				\
	X(arg, MEMSLOT, memslot, BULK, bulk)				\
	X(arg, RESET, reset, WALK, walk)				\
	X(arg, RESET, reset, BULK, bulk)				\
	X(arg, UNMAP, unmap, WALK, walk)				\
	X(arg, UNMAP, unmap, BULK, bulk)				\
	X(arg, UNMAP, unmap, ELIDE, elide)

#define KVM_ARCH_ZAP_TIMES(X)						\
	X(WALK, walk)							\
	X(BULK, bulk)							\
	X(ELIDE, elide)

/* Calls that invalidate TLBs; pages whose cache lines were cleaned to the PoC, and were not. */
#define KVM_ARCH_ZAP_EXTRAS(X, arg)					\
	X(arg, TLBIS, tlbis)						\
	X(arg, CMO_PAGES, cmo_pages)					\
	X(arg, ELIDED, elided)

/* As enum mmu_notifier_event. */
#define KVM_ARCH_ZAP_REASONS(X, XE)					\
	X(UNMAP, unmap)							\
	X(CLEAR, clear)							\
	X(PROTECTION_VMA, protection_vma)				\
	X(PROTECTION_PAGE, protection_page)				\
	X(SOFT_DIRTY, soft_dirty)					\
	X(RELEASE, release)						\
	X(MIGRATE, migrate)						\
	XE(EXCLUSIVE, exclusive)

#define KVM_ARCH_ZAP_KNOWS_FAULTS	0

/* vCPUs are reset, memslots go and MMU notifiers unmap ranges at the same time. */
#define KVM_ARCH_ZAP_SIDE_BY_SIDE	1

struct kvm_zap_stage2;

/*
 * struct kvm_arch_zap - arm64's part of struct kvm_zap
 * @first: list of the invalidations in progress, linked by @next
 *
 * Protected by mmu_lock, held for write.
 */
struct kvm_arch_zap {
	struct kvm_zap_stage2 *first;
};

#endif /* __ASM_ARM64_KVM_ZAP_H */
