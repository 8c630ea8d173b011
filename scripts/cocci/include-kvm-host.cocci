// SPDX-License-Identifier: GPL-2.0-only
// The types that the VM and its statistics embed.
@@
@@
  #include <linux/kvm_types.h>
+ #include <linux/kvm_zap.h>
