/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies on x86: what KVM's code calls, and what the engines need of it.
 */
#ifndef __KVM_X86_MMU_ZAP_H
#define __KVM_X86_MMU_ZAP_H

#include <linux/kvm_host.h>

#ifdef CONFIG_KVM_ZAP_POLICY

/* zap.c: the sites */
void kvm_zap_memslot(struct kvm *kvm, struct kvm_memory_slot *slot);
void kvm_zap_mmio(struct kvm *kvm);
void kvm_zap_teardown(struct kvm *kvm);
s64 kvm_zap_nr_leafs(struct kvm *kvm);

/* zap_scoped.c: site memslot, policy scoped */
void kvm_zap_memslot_scoped(struct kvm *kvm, const struct kvm_memory_slot *old);

/* mmu.c: static there without CONFIG_KVM_ZAP_POLICY */
void kvm_mmu_zap_all_fast(struct kvm *kvm);
bool kvm_zap_all_rmap_sptes(struct kvm *kvm, struct kvm_rmap_head *rmap_head);
bool kvm_mmu_prepare_zap_page(struct kvm *kvm, struct kvm_mmu_page *sp,
			      struct list_head *invalid_list);
void kvm_mmu_commit_zap_page(struct kvm *kvm, struct list_head *invalid_list);

#else /* !CONFIG_KVM_ZAP_POLICY: what the stock kernel does */

#define kvm_zap_memslot(kvm, slot)	kvm_mmu_zap_all_fast(kvm)
#define kvm_zap_mmio(kvm)		kvm_mmu_zap_all_fast(kvm)
#define kvm_zap_teardown(kvm)		kvm_mmu_zap_all(kvm)

#endif /* CONFIG_KVM_ZAP_POLICY */

#endif /* __KVM_X86_MMU_ZAP_H */
