// SPDX-License-Identifier: GPL-2.0-only
// A page table of the TDP MMU is on its way to be freed.
@@
@@
  tdp_unaccount_mmu_page(struct kvm *kvm, struct kvm_mmu_page *sp)
  {
  ...
+ kvm_zap_count_table(kvm);
  }
