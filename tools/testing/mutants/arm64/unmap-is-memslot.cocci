// SPDX-License-Identifier: GPL-2.0-only
// What the host unmaps is counted as a memslot that goes, and follows its word.

@@
@@
 kvm_zap_tables(...)
 {
	<...
-	KVM_ZAP_SITE_UNMAP
+	KVM_ZAP_SITE_MEMSLOT
	...>
 }
