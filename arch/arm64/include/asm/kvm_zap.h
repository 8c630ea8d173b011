/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies on arm64: the sites, their policies, and what is counted.
 *
 * include/linux/kvm_zap.h includes this file and describes each list.
 */
#ifndef __ASM_ARM64_KVM_ZAP_H
#define __ASM_ARM64_KVM_ZAP_H

#include <linux/bits.h>

#define KVM_ARCH_ZAP_WORDS	(BIT(KVM_ZAP_POLICY_WALK) | BIT(KVM_ZAP_POLICY_BULK))

#define KVM_ARCH_ZAP_SITES(X, XE)					\
	X(MEMSLOT, memslot, WALK, KVM_ZAP_POLICY_WALK, KVM_ARCH_ZAP_WORDS, \
	  "How to drop mappings when a memslot is deleted or moved: walk, bulk") \
	X(RESET, reset, WALK, KVM_ZAP_POLICY_WALK, KVM_ARCH_ZAP_WORDS,	\
	  "How to drop mappings of RAM when a vCPU is reset: walk, bulk") \
	XE(TEARDOWN, teardown, WALK, KVM_ZAP_POLICY_WALK, KVM_ARCH_ZAP_WORDS, \
	   "How to drop mappings when a VM goes away: walk, bulk")

#define KVM_ARCH_ZAP_COUNTERS(X, arg)					\
	X(arg, MEMSLOT, memslot, WALK, walk)				\
	X(arg, MEMSLOT, memslot, BULK, bulk)				\
	X(arg, RESET, reset, WALK, walk)				\
	X(arg, RESET, reset, BULK, bulk)

#define KVM_ARCH_ZAP_TIMES(X)						\
	X(WALK, walk)							\
	X(BULK, bulk)

/* Calls that invalidate TLBs; pages whose cache lines were cleaned to the PoC. */
#define KVM_ARCH_ZAP_EXTRAS(X, arg)					\
	X(arg, TLBIS, tlbis)						\
	X(arg, CMO_PAGES, cmo_pages)

#define KVM_ARCH_ZAP_KNOWS_FAULTS	0

/* vCPUs are reset at the same time as each other and as a memslot goes. */
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
