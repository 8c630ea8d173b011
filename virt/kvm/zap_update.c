// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: memslot updates, of which an invalidation is one part.
 *
 * The VMM waits for the whole update: for SRCU readers (twice if a memslot goes), for the
 * allocation of a new memslot's metadata, and for the zap.  The wait for slots_lock is not
 * counted, nor are updates that are refused or change nothing.
 */
#include <linux/kvm_host.h>
#include <linux/ktime.h>

#include <trace/events/kvm_zap.h>

/**
 * kvm_zap_update_begin() - note that a memslot update begins
 * @kvm: the VM, its slots_lock held
 * @old: the memslot as it is, NULL if it is created
 * @new: the memslot as it will be, NULL if it is deleted
 * @change: an enum kvm_mr_change
 *
 * The memslot is described now because it may be freed before the update ends.
 */
void kvm_zap_update_begin(struct kvm *kvm, const struct kvm_memory_slot *old,
			  const struct kvm_memory_slot *new, int change)
{
	const struct kvm_memory_slot *slot = new ? new : old;
	struct kvm_zap_update *update = &kvm->zap->update;

	lockdep_assert_held(&kvm->slots_lock);

	update->change = change;
	update->as_id = slot->as_id;
	update->slot = slot->id;
	update->flags = slot->flags;
	update->base_gfn = slot->base_gfn;
	update->npages = slot->npages;
	update->start_ns = ktime_get_ns();
}

/**
 * kvm_zap_update_end() - count an update that has succeeded
 * @kvm: the VM, its slots_lock held since kvm_zap_update_begin()
 */
void kvm_zap_update_end(struct kvm *kvm)
{
	struct kvm_zap_vm_stat *stat = &kvm->stat.zap;
	u64 ns = ktime_get_ns() - kvm->zap->update.start_ns;

	lockdep_assert_held(&kvm->slots_lock);

	stat->memslot_updates++;
	stat->memslot_update_ns += ns;
	stat->memslot_update_max_ns = max(stat->memslot_update_max_ns, ns);
	trace_kvm_zap_memslot(kvm->zap->tgid, &kvm->zap->update, ns);
}
