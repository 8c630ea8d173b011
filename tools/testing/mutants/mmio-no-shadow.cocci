// SPDX-License-Identifier: GPL-2.0-only
// Only the TDP MMU's MMIO SPTEs are dropped.

@@
@@
 zap_mmio_shadow(...)
 {
	...
-	unsigned long left = kvm_zap_nr_shadow_pages(kvm);
+	unsigned long left = 0;
	...
 }
