// SPDX-License-Identifier: GPL-2.0-only
// Functions of KVM's MMU that the engines call, and their declarations.
@@
attribute name KVM_ZAP_STATIC;
identifier f = { kvm_mmu_zap_all, kvm_mmu_zap_all_fast, kvm_zap_all_rmap_sptes,
		 kvm_mmu_prepare_zap_page, kvm_mmu_commit_zap_page,
		 kvm_mmu_free_shadow_page,
		 kvm_mmu_page_get_gfn, mmu_page_zap_pte, drop_spte,
		 tdp_mmu_next_root, tdp_mmu_unlink_sp,
		 tdp_mmu_free_sp_rcu_callback, kvm_rmap_lock, kvm_rmap_unlock };
type T;
@@
- static
+ KVM_ZAP_STATIC
  T f(...) { ... }
