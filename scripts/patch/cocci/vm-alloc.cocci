// SPDX-License-Identifier: GPL-2.0-only
// A VM's accounting begins with it.
@@
@@
  kvm_create_vm(...)
  {
  <...
- kvm_arch_alloc_vm()
+ kvm_zap_alloc_vm(kvm_arch_alloc_vm())
  ...>
  }
