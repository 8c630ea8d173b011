// SPDX-License-Identifier: GPL-2.0-only
// A memslot goes or moves: let the policy say how its mappings are dropped, where
// KVM has a choice of its own already, which is asked first. First as 6.12 came, and as
// 6.12.111 to 6.12.116 have it, then as 7.2 does it, and 6.12.117: "fast" in two halves, of
// which one is under mmu_lock, as is 7.2's invalidation of guest_memfd ahead of it.
@@
@@
  kvm_arch_flush_shadow_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
  {
- if (kvm_memslot_flush_zap_all(kvm))
+ bool zap_all = kvm_memslot_flush_zap_all(kvm);
+
+ if (kvm_zap_memslot(kvm, slot, &zap_all))
+	return;
+
+ if (zap_all)
	kvm_mmu_zap_all_fast(kvm);
  else
	kvm_mmu_zap_memslot(kvm, slot);
+ kvm_zap_memslot_end(kvm);
  }

@@
@@
  kvm_arch_flush_shadow_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
  {
  ...
- if (kvm_memslot_flush_zap_all(kvm)) {
+ bool zap_all = kvm_memslot_flush_zap_all(kvm);
+
+ if (kvm_zap_memslot(kvm, slot, &zap_all))
+	return;
+
+ if (zap_all) {
	kvm_mmu_zap_all_fast(kvm);
  } else {
	...
  }
+ kvm_zap_memslot_end(kvm);
  }

@@
@@
  kvm_arch_flush_shadow_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
  {
  ...
+ if (kvm_zap_memslot(kvm, slot, &zap_all))
+	return;
+
  write_lock(&kvm->mmu_lock);
  ...
  if (zap_all) {
	__kvm_mmu_zap_all_fast_front_half(kvm);
  } else {
	flush = kvm_unmap_gfn_range(kvm, &range);
	kvm_mmu_zap_memslot_pages_and_flush(kvm, slot, flush);
  }
  write_unlock(&kvm->mmu_lock);
  if (zap_all)
	__kvm_mmu_zap_all_fast_back_half(kvm);
+ kvm_zap_memslot_end(kvm);
  }
