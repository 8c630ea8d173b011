// SPDX-License-Identifier: GPL-2.0-only
// Functions of the shadow MMU that the engines call, and their declarations.
@@
attribute name KVM_ZAP_STATIC;
identifier f = { kvm_mmu_zap_all_fast, kvm_zap_all_rmap_sptes,
		 kvm_mmu_prepare_zap_page, kvm_mmu_commit_zap_page };
type T;
@@
- static
+ KVM_ZAP_STATIC
  T f(...) { ... }
