// SPDX-License-Identifier: GPL-2.0-only
// A range of stage 2 goes, whatever the reason: what unmaps each chunk of it.
@@
expression a, b, c, d;
@@
  __unmap_stage2_range(struct kvm_s2_mmu *mmu, ...)
  {
  <...
  stage2_apply_range(a, b, c,
- KVM_PGT_FN(kvm_pgtable_stage2_unmap)
+ kvm_zap_unmapper(mmu, KVM_PGT_FN(kvm_pgtable_stage2_unmap))
  , d)
  ...>
  }
