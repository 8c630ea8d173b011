// SPDX-License-Identifier: GPL-2.0-only
// A vCPU is reset: where the guest's memory attributes count, all RAM is unmapped.
@@
expression kvm;
@@
- stage2_unmap_vm(kvm);
+ kvm_zap_reset(kvm);
