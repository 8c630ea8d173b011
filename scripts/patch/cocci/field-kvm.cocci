// SPDX-License-Identifier: GPL-2.0-only
// The VM's word, its invalidation in progress, and times of past ones.
@@
@@
  struct kvm {
  ...
+ #ifdef CONFIG_KVM_ZAP_POLICY
+ struct kvm_zap *zap;
+ #endif
  };
