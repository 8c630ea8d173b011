// SPDX-License-Identifier: GPL-2.0-only
// The sites and engines, for all of KVM's MMU code.
@@
@@
  #include <linux/kvm_host.h>
+ #include "mmu/zap.h"
