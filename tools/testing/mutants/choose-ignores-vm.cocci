// SPDX-License-Identifier: GPL-2.0-only
// A VM's own word is ignored, so the operator has no way back for a single VM.

@@
@@
 kvm_zap_choose(...)
 {
	...
	if (site == KVM_ZAP_SITE_MEMSLOT)
-		word = READ_ONCE(kvm->zap->memslot_word);
+		word = KVM_ZAP_POLICY_INHERIT;
	...
 }
