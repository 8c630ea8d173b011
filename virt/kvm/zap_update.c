// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: updates of memslots, of which an invalidation is a part.
 *
 * The VMM waits for the whole update: for SRCU readers, twice if a memslot goes, for
 * the allocation of what a new one needs, and for the zap.  Waiting for slots_lock is
 * not counted, and neither is an update that is refused or changes nothing.
 */
#include <linux/kvm_host.h>
#include <linux/ktime.h>

#include <trace/events/kvm_zap.h>

/**
 * kvm_zap_update_begin() - a memslot is about to be created, changed, moved or deleted
 * @kvm: the VM, its slots_lock held
 * @old: the memslot as it is, NULL if it is created
 * @new: the memslot as it will be, NULL if it is deleted
 * @change: an enum kvm_mr_change
 *
 * What is there to say has to be noted now: the memslots may be freed before the
 * update ends.
 */
void kvm_zap_update_begin(struct kvm *kvm, const struct kvm_memory_slot *old,
			  const struct kvm_memory_slot *new, int change)
{
	const struct kvm_memory_slot *slot = new ? new : old;
	struct kvm_zap_update *update = &kvm->zap.update;

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
 * kvm_zap_update_end() - an update has succeeded
 * @kvm: the VM, its slots_lock held since kvm_zap_update_begin()
 */
void kvm_zap_update_end(struct kvm *kvm)
{
	struct kvm_zap_vm_stat *stat = &kvm->stat.zap;
	u64 ns = ktime_get_ns() - kvm->zap.update.start_ns;

	lockdep_assert_held(&kvm->slots_lock);

	stat->memslot_updates++;
	stat->memslot_update_ns += ns;
	stat->memslot_update_max_ns = max(stat->memslot_update_max_ns, ns);
	trace_kvm_zap_memslot(kvm->zap.tgid, &kvm->zap.update, ns);
}
