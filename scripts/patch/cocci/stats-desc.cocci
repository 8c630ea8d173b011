// SPDX-License-Identifier: GPL-2.0-only
// Names and units of the VM's statistics.
@@
initializer list l;
@@
  const struct _kvm_stats_desc kvm_vm_stats_desc[] = { l,
+ KVM_ZAP_VM_STATS(KVM_ZAP_STATS_NESTED)
  };
