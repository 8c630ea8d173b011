// SPDX-License-Identifier: GPL-2.0-only
// The VM, or the process that it belongs to, goes away.
@@
@@
  kvm_arch_flush_shadow_all(...)
  {
  <...
- kvm_mmu_zap_all(kvm);
+ kvm_zap_teardown(kvm);
  ...>
  }
