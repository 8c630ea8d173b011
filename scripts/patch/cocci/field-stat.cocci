// SPDX-License-Identifier: GPL-2.0-only
// The VM's statistics.
@@
@@
  struct kvm_vm_stat {
  ...
+ struct kvm_zap_vm_stat zap;
  };
