// SPDX-License-Identifier: GPL-2.0-only
// The administrator's word is taken, counted, and not followed.

@@
@@
 kvm_zap_unmap(...)
 {
	...
-	if (zap->record.policy != KVM_ZAP_POLICY_WALK)
-	{ ... }
	...
 }
