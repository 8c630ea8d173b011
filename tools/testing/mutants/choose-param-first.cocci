// SPDX-License-Identifier: GPL-2.0-only
// The parameter goes before the VM's word whenever it says something else than stock.

@@
@@
 kvm_zap_choose(...)
 {
	...
-	if (word == KVM_ZAP_POLICY_INHERIT)
+	if (word == KVM_ZAP_POLICY_INHERIT ||
+	    kvm_zap_choices[site].word != KVM_ZAP_POLICY_STOCK)
	{
		word = READ_ONCE(kvm_zap_choices[site].word);
		...
	}
	...
 }
