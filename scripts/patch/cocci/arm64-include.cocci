// SPDX-License-Identifier: GPL-2.0-only
// What KVM's code on arm64 calls.
@@
@@
  #include <asm/kvm_mmu.h>
+ #include "zap.h"
