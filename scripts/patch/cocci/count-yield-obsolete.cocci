// SPDX-License-Identifier: GPL-2.0-only
// Policy fast makes way for others while it reclaims obsolete shadow pages.
@@
@@
  kvm_zap_obsolete_pages(struct kvm *kvm)
  {
  <...
- cond_resched_rwlock_write(&kvm->mmu_lock)
+ kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock))
  ...>
  }
