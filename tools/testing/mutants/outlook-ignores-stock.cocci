// SPDX-License-Identifier: GPL-2.0-only
// What is left to the kernel is shown as what it does not do.

@@
@@
 kvm_zap_own(...)
 {
	...
-	return KVM_ZAP_POLICY_FAST;
+	return KVM_ZAP_POLICY_SCOPED;
 }
