// SPDX-License-Identifier: GPL-2.0-only
// Names and units of the VM's statistics.
@@
type T;
initializer list l;
@@
  T kvm_vm_stats_desc[] = { l,
+ KVM_ZAP_VM_STATS()
  };
