// SPDX-License-Identifier: GPL-2.0-only
// A VM goes away: nothing is counted of it any more, ahead of its vCPUs' end.
@@
@@
  kvm_destroy_vm(...)
  {
  <...
+ kvm_zap_stop(kvm);
  kvm_arch_pre_destroy_vm(kvm);
  ...>
  }
