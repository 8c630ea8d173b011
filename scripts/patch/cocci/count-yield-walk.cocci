// SPDX-License-Identifier: GPL-2.0-only
// Policy walk makes way for others.
@@
@@
  kvm_mmu_zap_all(struct kvm *kvm)
  {
  <...
- cond_resched_rwlock_write(&kvm->mmu_lock)
+ kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock))
  ...>
  }
