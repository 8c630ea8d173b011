// SPDX-License-Identifier: GPL-2.0-only
// The MMIO generation wraps.
@@
@@
  kvm_mmu_invalidate_mmio_sptes(...)
  {
  <...
- kvm_mmu_zap_all_fast(kvm);
+ kvm_zap_mmio(kvm);
  ...>
  }
