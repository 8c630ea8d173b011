// SPDX-License-Identifier: GPL-2.0-only
// The VM, or the process that it belongs to, goes away, and stage 2 as a whole.
@@
@@
  kvm_free_stage2_pgd(...)
  {
  <...
- kvm_stage2_destroy(pgt);
+ kvm_zap_destroy(kvm, pgt, kvm_stage2_destroy);
  ...>
  }
