// SPDX-License-Identifier: GPL-2.0-only
// How long a vCPU stood still.
@@
@@
  struct kvm_vcpu {
  ...
+ struct kvm_zap_vcpu zap;
  };
