// SPDX-License-Identifier: GPL-2.0-only
// The VM's word is sampled twice: it is looked at, and may be another one when it is
// taken.

@@
@@
 kvm_zap_choose(...)
 {
	...
-	if (site == KVM_ZAP_SITE_MEMSLOT)
+	if (site == KVM_ZAP_SITE_MEMSLOT &&
+	    READ_ONCE(kvm->zap->memslot_word) != KVM_ZAP_POLICY_INHERIT)
		word = READ_ONCE(kvm->zap->memslot_word);
	...
 }
