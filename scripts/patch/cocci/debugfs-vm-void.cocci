// SPDX-License-Identifier: GPL-2.0-only
// A VM's folder in debugfs.
@@
@@
  kvm_create_vm_debugfs(...)
  {
  <...
+ kvm_zap_create_vm_debugfs(kvm);
  kvm_arch_create_vm_debugfs(kvm);
  ...>
  }
