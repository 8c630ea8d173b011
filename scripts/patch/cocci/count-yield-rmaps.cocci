// SPDX-License-Identifier: GPL-2.0-only
// The kernel's own scoped zap makes way for others while it walks rmaps.
// Since 6.12.
@@
@@
  __walk_slot_rmaps(struct kvm *kvm, ...)
  {
  <...
- cond_resched_rwlock_write(&kvm->mmu_lock)
+ kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock))
  ...>
  }
