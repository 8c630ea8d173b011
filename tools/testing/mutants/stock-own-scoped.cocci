// SPDX-License-Identifier: GPL-2.0-only
// What stock leaves to the kernel is counted under a policy that the kernel did not use.

@@
@@
 kvm_zap_memslot(...)
 {
	...
	policy = kvm_zap_begin(kvm, KVM_ZAP_SITE_MEMSLOT, slot,
-			       *zap_all ? KVM_ZAP_POLICY_FAST : KVM_ZAP_POLICY_SCOPED
+			       KVM_ZAP_POLICY_SCOPED
			       );
	...
 }
