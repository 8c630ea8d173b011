// SPDX-License-Identifier: GPL-2.0-only
// auto takes the dear way: all of the VM's mappings go for a ROM of 64 KiB.

@@
@@
 kvm_arch_zap_auto(...)
 {
-	return KVM_ZAP_POLICY_SCOPED;
+	return KVM_ZAP_POLICY_FAST;
 }
