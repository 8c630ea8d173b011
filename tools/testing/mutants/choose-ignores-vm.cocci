// SPDX-License-Identifier: GPL-2.0-only
// The operator's way back for a single VM is none: its word is not looked at.

@@
@@
 kvm_zap_choose(...)
 {
	...
	if (site == KVM_ZAP_SITE_MEMSLOT)
-		word = READ_ONCE(kvm->zap.memslot_word);
+		word = KVM_ZAP_POLICY_INHERIT;
	...
 }
