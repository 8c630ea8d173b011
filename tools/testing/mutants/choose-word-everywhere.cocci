// SPDX-License-Identifier: GPL-2.0-only
// The VM's word, which is for memslots, decides how the VM is torn down as well.

@@
@@
 kvm_zap_choose(...)
 {
	...
-	if (site == KVM_ZAP_SITE_MEMSLOT)
+	if (site != KVM_ZAP_SITE_MMIO)
		word = READ_ONCE(kvm->zap->memslot_word);
	...
 }
