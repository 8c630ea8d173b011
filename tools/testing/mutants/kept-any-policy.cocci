// SPDX-License-Identifier: GPL-2.0-only
// fast seems to keep what it cannot keep.

@@
@@
 kvm_zap_left(...)
 {
	...
-	if (zap->site != KVM_ZAP_SITE_MEMSLOT || zap->policy != KVM_ZAP_POLICY_SCOPED)
+	if (zap->site != KVM_ZAP_SITE_MEMSLOT)
		return 0;
	...
 }
