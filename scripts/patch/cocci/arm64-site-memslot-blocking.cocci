// SPDX-License-Identifier: GPL-2.0-only
// A memslot goes or moves. Its mappings in the stage 2 of nested guests go afterwards.
@@
identifier slot;
expression start, size;
@@
  kvm_arch_flush_shadow_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
  {
  <...
- kvm_stage2_unmap_range(&kvm->arch.mmu, start, size, true);
+ kvm_zap_memslot(kvm, slot, kvm_stage2_unmap_range, start, size);
  ...>
  }
