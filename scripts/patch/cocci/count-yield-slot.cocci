// SPDX-License-Identifier: GPL-2.0-only
// The kernel's own scoped zap makes way for others while it unlinks shadow pages.
// Since 6.12.
@@
@@
  kvm_mmu_zap_memslot_pages_and_flush(struct kvm *kvm, ...)
  {
  <...
- cond_resched_rwlock_write(&kvm->mmu_lock)
+ kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock))
  ...>
  }
