// SPDX-License-Identifier: GPL-2.0-only
// Any walk of the TDP MMU's page tables makes way for others.
@@
@@
  tdp_mmu_iter_cond_resched(struct kvm *kvm, ...)
  {
  <...
- iter->yielded = true;
+ iter->yielded = kvm_zap_count_yield(kvm, true);
  ...>
  }
