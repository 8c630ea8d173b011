// SPDX-License-Identifier: GPL-2.0-only
// For stock, zap/vms shows a policy that the kernel does not use.

@@
@@
 kvm_zap_own(...)
 {
	...
-	return KVM_ZAP_POLICY_FAST;
+	return KVM_ZAP_POLICY_SCOPED;
 }
