// SPDX-License-Identifier: GPL-2.0-only
// A VM's word goes before what its device needs: the guest's memory keeps types that
// are those of a VM without the device.

@@
@@
 kvm_zap_choose(...)
 {
	...
-	if (word != KVM_ZAP_POLICY_INHERIT)
+	if (word != KVM_ZAP_POLICY_INHERIT &&
+	    (site != KVM_ZAP_SITE_MEMSLOT ||
+	     kvm->zap->memslot_word == KVM_ZAP_POLICY_INHERIT))
		return word;
	...
 }
