// SPDX-License-Identifier: GPL-2.0-only
// The words count for a VM whose type has rules of its own.

@@
@@
 kvm_arch_zap_demand(...)
 {
	...
-	if (!kvm_zap_is_default_vm(kvm))
+	if (false)
		return KVM_ZAP_POLICY_STOCK;
	...
 }
