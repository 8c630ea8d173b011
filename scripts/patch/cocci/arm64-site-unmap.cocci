// SPDX-License-Identifier: GPL-2.0-only
// An MMU notifier unmaps a range: a site where it is a large one.
@@
expression start, size;
@@
  kvm_unmap_gfn_range(struct kvm *kvm, struct kvm_gfn_range *range)
  {
  <...
- __unmap_stage2_range(&kvm->arch.mmu, start, size, range->may_block);
+ kvm_zap_gfn_range(kvm, range, __unmap_stage2_range, start, size);
  ...>
  }
