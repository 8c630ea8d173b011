// SPDX-License-Identifier: GPL-2.0-only
// Lock breaks between the chunks of a range.
@@
@@
  stage2_apply_range(...)
  {
  <...
- cond_resched_rwlock_write(&kvm->mmu_lock);
+ kvm_zap_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
  ...>
  }
