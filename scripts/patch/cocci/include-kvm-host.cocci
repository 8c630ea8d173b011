// SPDX-License-Identifier: GPL-2.0-only
// The types that the VM, its vCPUs and its statistics embed: for each architecture, and for
// who includes x86's header alone.
@@
@@
  #include <linux/kvm_types.h>
+ #include <linux/kvm_zap.h>
