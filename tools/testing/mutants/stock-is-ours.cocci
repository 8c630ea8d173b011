// SPDX-License-Identifier: GPL-2.0-only
// Our engine runs for VMs although the administrator has changed nothing.

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
