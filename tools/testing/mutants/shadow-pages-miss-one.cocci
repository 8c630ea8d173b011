// SPDX-License-Identifier: GPL-2.0-only
// One shadow page is not looked into: what it maps of the memslot stays.

@@
@@
 zap_shadow_by_pages(...)
 {
	...
-	unsigned long left = kvm_zap_nr_shadow_pages(zap->kvm);
+	unsigned long left = kvm_zap_nr_shadow_pages(zap->kvm) - 1;
	...
 }
