// SPDX-License-Identifier: GPL-2.0-only
// Lock breaks between the chunks of a range, which may be of the stage 2 of a nested guest.
@@
@@
  stage2_apply_range(struct kvm_s2_mmu *mmu, ...)
  {
  <...
- cond_resched_rwlock_write(&kvm->mmu_lock);
+ kvm_zap_yield_mmu(mmu, cond_resched_rwlock_write(&kvm->mmu_lock));
  ...>
  }
