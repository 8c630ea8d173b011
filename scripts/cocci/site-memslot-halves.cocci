// SPDX-License-Identifier: GPL-2.0-only
// A memslot goes or moves: let the policy say how its mappings are dropped, where
// KVM has a choice of its own already, does "fast" in two halves, of which one is
// under mmu_lock, and invalidates guest_memfd before, under mmu_lock, too.
@@
@@
  kvm_arch_flush_shadow_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
  {
  ...
+ zap_all = kvm_zap_memslot_begin(kvm, slot, zap_all);
  write_lock(&kvm->mmu_lock);
  ...
  if (zap_all) {
	__kvm_mmu_zap_all_fast_front_half(kvm);
  } else
+ if (!kvm_zap_memslot_is_ours(kvm))
  {
	flush = kvm_unmap_gfn_range(kvm, &range);
	kvm_mmu_zap_memslot_pages_and_flush(kvm, slot, flush);
  }
  write_unlock(&kvm->mmu_lock);
  if (zap_all)
	__kvm_mmu_zap_all_fast_back_half(kvm);
+ kvm_zap_memslot_end(kvm, slot);
  }
