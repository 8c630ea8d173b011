// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap sites on arm64.  Each samples its policy.  KVM's own code then does the work; with
 * policy bulk, kvm_zap_bulk_range() or kvm_zap_bulk_all() replaces the page-table walk.
 *
 * KVM unmaps a range of stage 2 chunk by chunk, and may release mmu_lock in between.  Each
 * chunk of an invalidation is counted and dropped with mmu_lock held for write throughout.
 * Ranges that MMU notifiers unmap belong to no invalidation; KVM's own code unmaps them, and
 * nothing is counted.
 */
#include <linux/kvm_host.h>
#include <asm/kvm_mmu.h>
#include <asm/virt.h>

#include "zap.h"

/* The record of the VM's invalidation that this task runs, NULL if it runs none. */
static struct kvm_zap_record *kvm_zap_mine(struct kvm *kvm)
{
	struct kvm_zap_stage2 *zap;

	lockdep_assert_held_write(&kvm->mmu_lock);

	for (zap = kvm->zap.arch.first; zap; zap = zap->next) {
		if (zap->task == current)
			return &zap->record;
	}

	return NULL;
}

static void kvm_zap_stage2_begin(struct kvm *kvm, struct kvm_zap_stage2 *zap,
				 enum kvm_zap_site site, const struct kvm_memory_slot *slot)
{
	WARN_ON_ONCE(kvm_zap_mine(kvm));

	kvm_zap_record_begin(kvm, &zap->record, site, slot, KVM_ZAP_POLICY_WALK);
	zap->task = current;
	zap->next = kvm->zap.arch.first;
	kvm->zap.arch.first = zap;
}

/* mmu_lock, held for write, keeps others from ending meanwhile, see kvm_zap_record_end(). */
static void kvm_zap_stage2_end(struct kvm *kvm, struct kvm_zap_stage2 *zap)
{
	struct kvm_zap_stage2 **at;

	lockdep_assert_held_write(&kvm->mmu_lock);

	for (at = &kvm->zap.arch.first; *at != zap; at = &(*at)->next)
		;
	*at = zap->next;
	kvm_zap_record_end(kvm, &zap->record);
}

/*
 * kvm_zap_memslot() - drop the mappings of a memslot that is deleted or moved
 * @kvm: the VM, with slots_lock held, and mmu_lock held for write
 * @slot: the memslot
 * @unmap: KVM's function that unmaps a range
 * @start: the beginning of the memslot, an IPA
 * @size: its length in bytes
 */
void kvm_zap_memslot(struct kvm *kvm, const struct kvm_memory_slot *slot,
		     kvm_zap_range_fn unmap, phys_addr_t start, u64 size)
{
	struct kvm_zap_stage2 zap;

	lockdep_assert_held(&kvm->slots_lock);

	kvm_zap_stage2_begin(kvm, &zap, KVM_ZAP_SITE_MEMSLOT, slot);
	unmap(&kvm->arch.mmu, start, size);
	kvm_zap_stage2_end(kvm, &zap);
}

/**
 * kvm_zap_reset() - drop the mappings of all RAM because a vCPU is reset
 * @kvm: the VM; of its locks, only the vCPU's mutex is held
 *
 * Several vCPUs may be reset at the same time, and others may run.  The time of the
 * invalidation includes waiting for mmap_lock and mmu_lock.
 */
void kvm_zap_reset(struct kvm *kvm)
{
	struct kvm_zap_stage2 zap;

	write_lock(&kvm->mmu_lock);
	kvm_zap_stage2_begin(kvm, &zap, KVM_ZAP_SITE_RESET, NULL);
	write_unlock(&kvm->mmu_lock);

	stage2_unmap_vm(kvm);

	write_lock(&kvm->mmu_lock);
	kvm_zap_stage2_end(kvm, &zap);
	write_unlock(&kvm->mmu_lock);
}

/**
 * kvm_zap_destroy() - free a VM's stage 2 with all mappings
 * @kvm: the VM, which goes away or could not be created
 * @pgt: its page table
 * @destroy: KVM's function that frees a page table
 *
 * No lock is held, and none is needed.  The caller has taken @pgt out of the VM with
 * mmu_lock held for write, so nobody else finds it, and only one caller can succeed in that.
 * No other invalidation can be in progress, so the VM's statistics need no lock either: the
 * others are run by ioctls of the process that owns the VM, and its last thread has left
 * them when the address space goes away or the last reference to the VM is dropped.
 */
void kvm_zap_destroy(struct kvm *kvm, struct kvm_pgtable *pgt, kvm_zap_destroy_fn destroy)
{
	struct kvm_zap_record zap;
	enum kvm_zap_policy policy;

	WARN_ON_ONCE(kvm->zap.arch.first);

	policy = kvm_zap_record_begin(kvm, &zap, KVM_ZAP_SITE_TEARDOWN, NULL,
				      KVM_ZAP_POLICY_WALK);
	if (policy == KVM_ZAP_POLICY_BULK) {
		kvm_zap_bulk_all(&zap, pgt);
	} else {
		kvm_zap_count_all(&zap, pgt);
		destroy(pgt);
	}

	kvm_zap_record_end(kvm, &zap);
}

/* Replaces kvm_pgtable_stage2_unmap() in an invalidation that this task runs. */
static int kvm_zap_unmap(struct kvm_pgtable *pgt, u64 addr, u64 size)
{
	struct kvm_zap_record *zap = kvm_zap_mine(kvm_s2_mmu_to_kvm(pgt->mmu));

	if (WARN_ON_ONCE(!zap))
		return kvm_pgtable_stage2_unmap(pgt, addr, size);

	/* The check that kvm_pgtable_walk() does. */
	if (addr + size > BIT(pgt->ia_bits))
		return -ERANGE;

	if (zap->policy == KVM_ZAP_POLICY_BULK) {
		kvm_zap_bulk_range(zap, pgt, addr, size);
		return 0;
	}

	kvm_zap_count_range(zap, pgt, addr, size);
	return kvm_pgtable_stage2_unmap(pgt, addr, size);
}

/**
 * kvm_zap_unmapper() - choose the function that unmaps each chunk of a range of stage 2
 * @kvm: the VM, its mmu_lock held for write
 * @unmap: KVM's own function
 *
 * Return: the function to call, which is @unmap if this task runs no invalidation.
 */
kvm_zap_chunk_fn kvm_zap_unmapper(struct kvm *kvm, kvm_zap_chunk_fn unmap)
{
	return kvm_zap_mine(kvm) ? kvm_zap_unmap : unmap;
}

/**
 * kvm_zap_yield() - count a lock break
 * @kvm: the VM, its mmu_lock held for write, with or without an invalidation in progress
 * @yielded: whether mmu_lock was released
 *
 * Return: @yielded
 */
int kvm_zap_yield(struct kvm *kvm, int yielded)
{
	struct kvm_zap_record *zap = yielded ? kvm_zap_mine(kvm) : NULL;

	if (zap)
		zap->yields++;

	return yielded;
}

/*
 * VMs that have no choice.  In protected mode, newer kernels leave a guest's stage 2 to the
 * hypervisor.  6.1 does not, but policy bulk has not been argued for that mode.
 */
enum kvm_zap_policy kvm_arch_zap_demand(struct kvm *kvm, enum kvm_zap_site site,
					enum kvm_zap_by *by)
{
	*by = KVM_ZAP_BY_TYPE;

	return is_protected_kvm_enabled() ? KVM_ZAP_POLICY_WALK : KVM_ZAP_POLICY_INHERIT;
}

/* No site has policy auto. */
enum kvm_zap_policy kvm_arch_zap_auto(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	return KVM_ZAP_POLICY_WALK;
}

enum kvm_zap_policy kvm_arch_zap_outlook(struct kvm *kvm, enum kvm_zap_policy word,
					 enum kvm_zap_by *by)
{
	return word;
}

/* KVM on arm64 counts neither mappings in stage 2, nor stage 2 faults, nor devices. */
s64 kvm_arch_zap_mapped(struct kvm *kvm)
{
	return -1;
}

u64 kvm_arch_zap_faults(struct kvm *kvm)
{
	return 0;
}

void kvm_arch_zap_devices(struct kvm *kvm, struct kvm_zap_devices *devices)
{
	devices->assigned = -1;
	devices->noncoherent = -1;
}
