// SPDX-License-Identifier: GPL-2.0-only
// Our engine runs for VMs whose administrator has left all as it is.

@@
@@
 kvm_zap_memslot(...)
 {
	...
-	if (policy == KVM_ZAP_POLICY_SCOPED && kvm_zap_may_keep(kvm))
+	if (policy != KVM_ZAP_POLICY_FAST)
	{ ... }
	...
 }
