// SPDX-License-Identifier: GPL-2.0-only
// KVM's folder in debugfs.
@@
@@
  kvm_init_debug(...)
  {
  <...
  kvm_debugfs_dir = debugfs_create_dir("kvm", NULL);
+ kvm_zap_init_debugfs(kvm_debugfs_dir);
  ...>
  }
