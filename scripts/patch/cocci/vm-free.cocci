// SPDX-License-Identifier: GPL-2.0-only
// A VM's accounting ends with it, also if the VM cannot be created.
@@
identifier f = { kvm_create_vm, kvm_destroy_vm };
@@
  f(...)
  {
  <...
+ kvm_zap_free_vm(kvm);
  kvm_arch_free_vm(kvm);
  ...>
  }
