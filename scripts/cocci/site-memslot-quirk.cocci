// SPDX-License-Identifier: GPL-2.0-only
// A memslot goes or moves: let the policy say how its mappings are dropped, where
// KVM has a choice of its own already.
@@
@@
  kvm_arch_flush_shadow_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
  {
- if (kvm_memslot_flush_zap_all(kvm))
+ if (kvm_zap_memslot_begin(kvm, slot, kvm_memslot_flush_zap_all(kvm)))
	kvm_mmu_zap_all_fast(kvm);
  else
-	kvm_mmu_zap_memslot(kvm, slot);
+	kvm_zap_memslot_theirs(kvm, slot, kvm_mmu_zap_memslot);
+ kvm_zap_memslot_end(kvm, slot);
  }
