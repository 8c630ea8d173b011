// SPDX-License-Identifier: GPL-2.0-only
// A memslot goes or moves.
@@
identifier slot;
expression start, size;
@@
  kvm_arch_flush_shadow_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
  {
  <...
- unmap_stage2_range(&kvm->arch.mmu, start, size);
+ kvm_zap_memslot(kvm, slot, unmap_stage2_range, start, size);
  ...>
  }
