// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap sites on arm64.  Each samples its policy.  KVM's own code then does the work; with
 * policies bulk and elide, kvm_zap_bulk_range() or kvm_zap_bulk_all() replaces the page-table walk.
 *
 * KVM unmaps a range of stage 2 chunk by chunk, and may release mmu_lock in between.  Each
 * chunk of an invalidation is counted and dropped with mmu_lock held for write throughout.
 * Small ranges that MMU notifiers unmap belong to no invalidation, see kvm_zap_gfn_range();
 * KVM's own code unmaps them, and nothing is counted.
 */
#include <linux/build_bug.h>
#include <linux/kvm_host.h>
#include <linux/mmu_notifier.h>
#include <asm/kvm_mmu.h>
#include <asm/virt.h>

#include "zap.h"
#include "zap_table.h"

/* The VM's invalidation that this task runs, NULL if it runs none. */
static struct kvm_zap_stage2 *kvm_zap_mine(struct kvm *kvm)
{
	struct kvm_zap_stage2 *zap;

	lockdep_assert_held_write(&kvm->mmu_lock);

	for (zap = kvm->zap->arch.first; zap; zap = zap->next) {
		if (zap->task == current)
			return zap;
	}

	return NULL;
}

/*
 * elide may be the word of the kernel's command line, which is read before it is known whether
 * the CPUs have FWB.  Then there is nothing to elide, and the rest of it is bulk.  Only site unmap
 * has this word, and there the VM has a page table.
 */
static void kvm_zap_no_elide(struct kvm *kvm, struct kvm_zap_record *zap)
{
	if (zap->policy != KVM_ZAP_POLICY_ELIDE || zap_needs_cmo(kvm->arch.mmu.pgt))
		return;

	pr_info_once("kvm: unmap_zap: elide, of the command line, is bulk: the CPU has FWB\n");
	zap->policy = KVM_ZAP_POLICY_BULK;
	zap->by = KVM_ZAP_BY_TYPE;
}

/*
 * A task runs one invalidation of a VM at a time.  Nothing between begin and end of one
 * allocates memory or touches user memory, so it never waits for reclaim or a page fault, by
 * which it could get into an MMU notifier of its own.
 */
static void kvm_zap_stage2_begin(struct kvm *kvm, struct kvm_zap_stage2 *zap,
				 enum kvm_zap_site site, const struct kvm_memory_slot *slot,
				 enum kvm_zap_reason reason)
{
	WARN_ON_ONCE(kvm_zap_mine(kvm));

	kvm_zap_record_begin(kvm, &zap->record, site, slot, KVM_ZAP_POLICY_WALK);
	zap->record.reason = reason;
	kvm_zap_no_elide(kvm, &zap->record);
	zap->task = current;
	zap->gone = false;
	zap->next = kvm->zap->arch.first;
	kvm->zap->arch.first = zap;
}

/*
 * kvm_zap_record_end() adds to the VM's statistics without a lock of its own.  mmu_lock, held
 * for write, keeps all others from ending meanwhile: memslots, resets and MMU notifiers end
 * here, and teardown takes it to end, see kvm_zap_destroy().
 */
static void kvm_zap_stage2_end(struct kvm *kvm, struct kvm_zap_stage2 *zap)
{
	struct kvm_zap_stage2 **at;

	lockdep_assert_held_write(&kvm->mmu_lock);

	for (at = &kvm->zap->arch.first; *at != zap; at = &(*at)->next)
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

	kvm_zap_stage2_begin(kvm, &zap, KVM_ZAP_SITE_MEMSLOT, slot, KVM_ZAP_REASON_NONE);
	kvm_zap_unmap_range(unmap, &kvm->arch.mmu, start, size);
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
	kvm_zap_stage2_begin(kvm, &zap, KVM_ZAP_SITE_RESET, NULL, KVM_ZAP_REASON_NONE);
	write_unlock(&kvm->mmu_lock);

	stage2_unmap_vm(kvm);

	write_lock(&kvm->mmu_lock);
	kvm_zap_stage2_end(kvm, &zap);
	write_unlock(&kvm->mmu_lock);
}

#define KVM_ZAP_REASON_IS_EVENT(NAME, name)	\
	static_assert(KVM_ZAP_REASON_##NAME == KVM_ZAP_REASON_NONE + 1 + MMU_NOTIFY_##NAME);
KVM_ARCH_ZAP_REASONS(KVM_ZAP_REASON_IS_EVENT, KVM_ZAP_REASON_IS_EVENT)

/**
 * kvm_zap_tables() - drop the mappings of a large range that an MMU notifier unmaps
 * @kvm: the VM, its mmu_lock held for write
 * @range: the range, within one memslot, with what kvm_zap_reason() made of the event
 * @unmap: KVM's function that unmaps a range
 * @start: the beginning of @range, an IPA
 * @size: its length in bytes
 *
 * Runs in any task that changes the address space of the VM's process or the memory that is
 * mapped there, beside the invalidations of others.  @unmap releases mmu_lock between chunks
 * if the range may block, else never; the engine never does.  The memslot stays, because the
 * caller is in a read-side critical section of SRCU, or holds the lock of a guest_memfd, which
 * the memslot is taken out of before it is freed.
 *
 * An MMU notifier whose event is in several memslots comes here for each of them, one after
 * the other, with mmu_lock held in between.
 */
void kvm_zap_tables(struct kvm *kvm, const struct kvm_gfn_range *range, kvm_zap_unmap_fn unmap,
		    phys_addr_t start, u64 size)
{
	struct kvm_zap_stage2 zap;

	kvm_zap_stage2_begin(kvm, &zap, KVM_ZAP_SITE_UNMAP, range->slot,
			     kvm_zap_range_reason(range));
	if (zap.record.policy == KVM_ZAP_POLICY_ELIDE)
		zap.gone = kvm_zap_is_gone(kvm, range);
	unmap(&kvm->arch.mmu, start, size, range->may_block);
	kvm_zap_stage2_end(kvm, &zap);
}

/**
 * kvm_zap_destroy() - free a VM's stage 2 with all mappings
 * @kvm: the VM, which goes away or could not be created
 * @pgt: its page table
 * @destroy: KVM's function that frees a page table
 *
 * No lock is held, and none is needed to free @pgt.  The caller has taken it out of the VM
 * with mmu_lock held for write, so nobody else finds it, and only one caller can succeed in
 * that.
 *
 * An MMU notifier may be in the middle of an invalidation, between two chunks: reclaim or
 * somebody who truncates a file unmaps memory of a process that exits.  It finds no page table
 * when it has mmu_lock again, and ends, on older kernels with a WARN_ON() of KVM's own.  So
 * this invalidation ends with mmu_lock held for write as well.  Those of memslots and resets are
 * over: they are run by ioctls of the process that owns the VM, and its last thread has left
 * them when the address space goes away or the last reference to the VM is dropped.
 *
 * What belongs to a nested guest goes before the VM's own, by KVM's code.
 */
void kvm_zap_destroy(struct kvm *kvm, struct kvm_pgtable *pgt, kvm_zap_destroy_fn destroy)
{
	struct kvm_zap_record zap = { .reason = KVM_ZAP_REASON_NONE };
	enum kvm_zap_policy policy;

	if (!kvm_zap_is_own(kvm, pgt->mmu)) {
		destroy(pgt);
		return;
	}

	policy = kvm_zap_record_begin(kvm, &zap, KVM_ZAP_SITE_TEARDOWN, NULL,
				      KVM_ZAP_POLICY_WALK);
	if (policy == KVM_ZAP_POLICY_BULK) {
		kvm_zap_bulk_all(&zap, pgt);
	} else {
		if (kvm_zap_has_tables())
			kvm_zap_count_all(&zap, pgt);
		destroy(pgt);
	}

	write_lock(&kvm->mmu_lock);
	kvm_zap_record_end(kvm, &zap);
	write_unlock(&kvm->mmu_lock);
}

/**
 * kvm_zap_unmap() - unmap a chunk of stage 2 while invalidations are in progress
 * @pgt: the page table; mmu_lock of its VM is held for write
 * @addr: the beginning of the chunk, an IPA
 * @size: its length in bytes
 *
 * Replaces kvm_pgtable_stage2_unmap() in an invalidation that this task runs.  If only other
 * tasks run one, the range is a small one of an MMU notifier.
 *
 * Return: as kvm_pgtable_stage2_unmap().
 */
int kvm_zap_unmap(struct kvm_pgtable *pgt, u64 addr, u64 size)
{
	struct kvm_zap_stage2 *zap = kvm_zap_mine(kvm_s2_mmu_to_kvm(pgt->mmu));

	if (!zap)
		return kvm_pgtable_stage2_unmap(pgt, addr, size);

	/* The check that kvm_pgtable_walk() does. */
	if (addr + size > BIT(pgt->ia_bits))
		return -ERANGE;

	if (zap->record.policy != KVM_ZAP_POLICY_WALK) {
		kvm_zap_bulk_range(&zap->record, pgt, addr, size, zap->gone);
		return 0;
	}

	kvm_zap_count_range(&zap->record, pgt, addr, size);
	return kvm_pgtable_stage2_unmap(pgt, addr, size);
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
	struct kvm_zap_stage2 *zap = yielded ? kvm_zap_mine(kvm) : NULL;

	if (zap)
		zap->record.yields++;

	return yielded;
}

/*
 * VMs that have no choice.  In protected mode, newer kernels leave a guest's stage 2 to the
 * hypervisor, see kvm_zap_has_tables().  Older ones do not, but policy bulk has not been argued
 * for that mode.
 */
enum kvm_zap_policy kvm_arch_zap_demand(struct kvm *kvm, enum kvm_zap_site site,
					enum kvm_zap_by *by)
{
	*by = KVM_ZAP_BY_TYPE;

	return is_protected_kvm_enabled() ? KVM_ZAP_POLICY_WALK : KVM_ZAP_POLICY_INHERIT;
}

/*
 * elide would do nothing on a CPU that has FWB, and has not been argued for protected mode.
 * Neither is known when the kernel's command line is parsed.
 */
int kvm_arch_zap_refuse(enum kvm_zap_policy word)
{
	const char *why;

	if (word != KVM_ZAP_POLICY_ELIDE || !system_capabilities_finalized())
		return 0;

	if (kvm_zap_has_cap(ARM64_HAS_STAGE2_FWB))
		why = "the CPU has FWB, so that KVM cleans no caches";
	else if (is_protected_kvm_enabled())
		why = "not in protected mode";
	else
		return 0;

	kvm_info("unmap_zap: elide is refused: %s\n", why);
	return -EOPNOTSUPP;
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
