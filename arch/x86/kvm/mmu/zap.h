/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies on x86: what KVM's code calls, and what the engines need of it.
 */
#ifndef __KVM_X86_MMU_ZAP_H
#define __KVM_X86_MMU_ZAP_H

#include <linux/kvm_host.h>

#ifdef CONFIG_KVM_ZAP_POLICY

#include "zap_compat.h"

/* SPTEs per bit of struct kvm_zap_mmu_page's leafs. */
#define KVM_ZAP_CHUNK	(SPTE_ENT_PER_PAGE / BITS_PER_LONG)

/**
 * struct kvm_zap_mmu_page - the engines' part of struct kvm_mmu_page
 * @leafs: one bit for each KVM_ZAP_CHUNK SPTEs; set if there may be a leaf among them
 * @link: in the list of page tables that have lost an entry, if @thinned
 * @thinned: the page table has lost an entry, and an engine is going to check it
 * @empty: the page table has no present entry; set when an engine unlinks it
 *
 * Used in the shadow MMU. A bit of @leafs is set when a leaf SPTE is added to its rmap,
 * and cleared by a walk that finds the chunk empty. So page tables that map little need
 * not be searched, and a chunk is one cache line of a page table.
 */
struct kvm_zap_mmu_page {
	unsigned long leafs;
	struct list_head link;
	bool thinned;
	bool empty;
};

#define kvm_zap_note_leaf(sp, index)	\
	__set_bit((index) / KVM_ZAP_CHUNK, &(sp)->zap.leafs)

/* The entry at which KVM starts to look for children of a page table that it unlinks. */
#define kvm_zap_first_child(sp)		((sp)->zap.empty ? SPTE_ENT_PER_PAGE : 0)

/*
 * A page table of the VM is put on the list of the NX huge page worker, with mmu_lock held. See
 * zap_tdp_may_miss().
 */
static inline void kvm_zap_note_nx(struct kvm *kvm)
{
	if (!READ_ONCE(kvm->zap->arch.nx))
		WRITE_ONCE(kvm->zap->arch.nx, true);
}

/* zap.c: the sites */
bool kvm_zap_memslot(struct kvm *kvm, struct kvm_memory_slot *slot, bool *zap_all);
void kvm_zap_memslot_end(struct kvm *kvm);
void kvm_zap_mmio(struct kvm *kvm);
void kvm_zap_teardown(struct kvm *kvm);
s64 kvm_zap_nr_leafs(struct kvm *kvm);
void kvm_zap_by(struct kvm *kvm, void (*zap)(struct kvm *kvm));

/*
 * Called in place of kvm_mmu_do_page_fault(), whose parameters differ between kernels, to
 * measure how long a page fault takes; see virt/kvm/zap_stall.c. The static key is
 * tested once, so that each begin has its end.
 */
#define kvm_zap_do_page_fault(vcpu, ...) ({				\
	struct kvm_vcpu *__vcpu = (vcpu);				\
	int __r;							\
									\
	if (static_branch_unlikely(&kvm_zap_stall_key)) {		\
		kvm_zap_stall_begin(__vcpu);				\
		__r = kvm_mmu_do_page_fault(__vcpu, __VA_ARGS__);	\
		kvm_zap_stall_end(__vcpu);				\
	} else {							\
		__r = kvm_mmu_do_page_fault(__vcpu, __VA_ARGS__);	\
	}								\
	__r;								\
})

/* zap_sregs.c: guest page tables that are written from outside of a vCPU */
void kvm_zap_note_sregs(struct kvm *kvm);
bool kvm_zap_may_keep(struct kvm *kvm);
bool kvm_zap_would_keep(struct kvm *kvm);
void kvm_zap_refresh_begin(struct kvm *kvm);
void kvm_zap_refresh_end(struct kvm *kvm);
void kvm_zap_fast(struct kvm *kvm);
void kvm_zap_before_run(struct kvm_vcpu *vcpu);

/* zap_scoped*.c: site memslot, policy scoped */
void kvm_zap_memslot_scoped(struct kvm *kvm, const struct kvm_memory_slot *old);
void kvm_zap_scoped_tdp(struct kvm *kvm, const struct kvm_memory_slot *slot);
void kvm_zap_scoped_shadow(struct kvm *kvm, const struct kvm_memory_slot *slot);

/* zap_shadow_table.c: page tables of the shadow MMU that are empty */
bool kvm_zap_table_is_empty(struct kvm_mmu_page *sp);
void kvm_zap_unlink_empty(struct kvm *kvm, struct kvm_mmu_page *sp,
			  struct list_head *unlinked);
void kvm_zap_free_tables(struct kvm *kvm, struct list_head *tables);

/* zap_mmio.c: site mmio, policy scoped; zap_bulk.c: site teardown, policy bulk */
void kvm_zap_mmio_scoped(struct kvm *kvm);
void kvm_zap_bulk(struct kvm *kvm);

/* zap_reference.c: site memslot, policy scoped, to compare with */
#ifdef CONFIG_KVM_ZAP_TEST
extern bool kvm_zap_reference;
void kvm_zap_memslot_reference(struct kvm *kvm, const struct kvm_memory_slot *slot);
#else
#define kvm_zap_reference	false
static inline void kvm_zap_memslot_reference(struct kvm *kvm,
					     const struct kvm_memory_slot *slot)
{
}
#endif

/* tdp_mmu.c: static there without CONFIG_KVM_ZAP_POLICY; see zap_compat.h, too */
void tdp_mmu_free_sp_rcu_callback(struct rcu_head *head);

/* mmu.c: static there without CONFIG_KVM_ZAP_POLICY; see zap_compat.h, too */
gfn_t kvm_mmu_page_get_gfn(struct kvm_mmu_page *sp, int index);
void drop_spte(struct kvm *kvm, u64 *sptep);
int mmu_page_zap_pte(struct kvm *kvm, struct kvm_mmu_page *sp, u64 *spte,
		     struct list_head *invalid_list);
void kvm_mmu_zap_all(struct kvm *kvm);
void kvm_mmu_zap_all_fast(struct kvm *kvm);
bool kvm_zap_all_rmap_sptes(struct kvm *kvm, struct kvm_rmap_head *rmap_head);
bool kvm_mmu_prepare_zap_page(struct kvm *kvm, struct kvm_mmu_page *sp,
			      struct list_head *invalid_list);
void kvm_mmu_commit_zap_page(struct kvm *kvm, struct list_head *invalid_list);
void kvm_mmu_free_shadow_page(struct kvm_mmu_page *sp);

/* zap_rmap.h, a part of mmu.c */

/* The most SPTEs that kvm_zap_rmap_take() takes. */
#define KVM_ZAP_RMAP_STEP	14

unsigned int kvm_zap_rmap_take(struct kvm *kvm, struct kvm_rmap_head *rmap, u64 **sptes);

#else /* !CONFIG_KVM_ZAP_POLICY: what the stock kernel does */

struct kvm_zap_mmu_page { };

struct kvm_mmu_page;

static inline void kvm_zap_note_leaf(struct kvm_mmu_page *sp, int index) { }

#define kvm_zap_first_child(sp)	0
#define kvm_zap_do_page_fault	kvm_mmu_do_page_fault

static inline bool kvm_zap_memslot(struct kvm *kvm, struct kvm_memory_slot *slot,
				   bool *zap_all)
{
	return false;
}

static inline void kvm_zap_memslot_end(struct kvm *kvm) { }
static inline void kvm_zap_note_nx(struct kvm *kvm) { }
static inline void kvm_zap_note_sregs(struct kvm *kvm) { }
static inline void kvm_zap_before_run(struct kvm_vcpu *vcpu) { }

/* Macros, because these functions are static in mmu.c, which is where the hooks are. */
#define kvm_zap_mmio(kvm)	kvm_mmu_zap_all_fast(kvm)
#define kvm_zap_teardown(kvm)	kvm_mmu_zap_all(kvm)

#endif /* CONFIG_KVM_ZAP_POLICY */

#endif /* __KVM_X86_MMU_ZAP_H */
