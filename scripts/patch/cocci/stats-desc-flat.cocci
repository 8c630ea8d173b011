// SPDX-License-Identifier: GPL-2.0-only
// Names and units of the VM's statistics, where a description has its name in it.
@@
initializer list l;
@@
  const struct kvm_stats_desc kvm_vm_stats_desc[] = { l,
+ KVM_ZAP_VM_STATS(KVM_ZAP_STATS_FLAT)
  };
