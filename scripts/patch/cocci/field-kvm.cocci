// SPDX-License-Identifier: GPL-2.0-only
// The VM's invalidation under way.
@@
@@
  struct kvm {
  ...
+ struct kvm_zap zap;
  };
