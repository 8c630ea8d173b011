/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies: what the files in virt/kvm share.
 */
#ifndef __KVM_ZAP_CORE_H
#define __KVM_ZAP_CORE_H

#include <linux/bits.h>
#include <linux/kvm_host.h>

/* The policies that may be chosen at a site, as bits, and its parameter. */
struct kvm_zap_choice {
	unsigned long legal;
	enum kvm_zap_policy word;
	enum kvm_zap_policy kernel;	/* the word that leaves it to the kernel */
};

/* Bucket n counts invalidations of 2^n to 2^(n+1)-1 ns, 0 also 0 ns, the last all longer ones. */
#define KVM_ZAP_NR_BUCKETS	40

/* What invalidations by one site and policy did since module load or reset, of all VMs. */
struct kvm_zap_row {
	u64 count;
	u64 sptes;
	u64 tables;
	u64 yields;
	u64 flushes;
	u64 total_ns;
	u64 max_ns;
	u64 collateral;
	u64 kept;
	u64 extras[KVM_ZAP_NR_EXTRAS];
	u64 buckets[KVM_ZAP_NR_BUCKETS];
};

/* zap.c: the words, the choice, the rows */
extern const char * const kvm_zap_policy_words[KVM_ZAP_NR_POLICIES];
extern const char * const kvm_zap_site_words[KVM_ZAP_NR_SITES];
extern const char * const kvm_zap_by_words[KVM_ZAP_NR_BYS];
extern struct kvm_zap_choice kvm_zap_choices[KVM_ZAP_NR_SITES];

int kvm_zap_parse(const char *val, unsigned long legal);
enum kvm_zap_policy kvm_zap_outlook(struct kvm *kvm, enum kvm_zap_by *by);
void kvm_zap_read_row(int site, int policy, struct kvm_zap_row *row);
void kvm_zap_clear_rows(void);

/* zap_window.c: refaults */
void kvm_zap_init_window(struct kvm *kvm);
void kvm_zap_note_begin(struct kvm *kvm);
void kvm_zap_note_end(struct kvm *kvm, const struct kvm_memory_slot *slot, u64 now);

/* zap_stall.c: how long vCPUs stand still for refaults */
u64 kvm_zap_stall_take(struct kvm_vcpu *vcpu, u64 now);
void kvm_zap_stall_open(struct kvm *kvm, u64 now);
u64 kvm_zap_stall_close(struct kvm *kvm, u64 now);

#endif /* __KVM_ZAP_CORE_H */
