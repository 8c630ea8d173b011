// SPDX-License-Identifier: GPL-2.0-only
// A vCPU is about to run: what policy scoped owes is done ahead of it.
@@
expression vcpu;
@@
  kvm_arch_vcpu_ioctl_run(...)
  {
  ...
+ kvm_zap_before_run(vcpu);
  vcpu_load(vcpu);
  ...
  }
