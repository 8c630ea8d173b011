// SPDX-License-Identifier: GPL-2.0-only
// In protected mode page tables go that are the hypervisor's business.

@@
@@
 kvm_arch_zap_demand(...)
 {
	...
-	return is_protected_kvm_enabled() ? KVM_ZAP_POLICY_WALK : KVM_ZAP_POLICY_INHERIT;
+	return KVM_ZAP_POLICY_INHERIT;
 }
