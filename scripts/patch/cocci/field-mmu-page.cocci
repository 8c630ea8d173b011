// SPDX-License-Identifier: GPL-2.0-only
// What the engines want to know of a shadow page.
@@
@@
  struct kvm_mmu_page {
  ...
+ struct kvm_zap_mmu_page zap;
  };
