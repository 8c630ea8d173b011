// SPDX-License-Identifier: GPL-2.0-only
// A memslot goes or moves: let the policy say how its mappings are dropped, where KVM
// has one way alone.
@@
identifier slot, node;
@@
  kvm_mmu_invalidate_zap_pages_in_memslot(struct kvm *kvm,
					  struct kvm_memory_slot *slot,
					  struct kvm_page_track_notifier_node *node)
  {
+ bool zap_all = true;
+
+ if (kvm_zap_memslot(kvm, slot, &zap_all))
+	return;
+
  kvm_mmu_zap_all_fast(kvm);
+ kvm_zap_memslot_end(kvm);
  }
