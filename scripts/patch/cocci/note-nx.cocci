// SPDX-License-Identifier: GPL-2.0-only
// The NX huge page worker may remove a page table of this VM from now on. On older kernels it
// holds mmu_lock for write, and nobody asks.
// Since 7.2.
@@
@@
  track_possible_nx_huge_page(struct kvm *kvm, ...)
  {
  ...
  ++kvm->stat.nx_lpage_splits;
+ kvm_zap_note_nx(kvm);
  ...
  }
