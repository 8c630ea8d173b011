// SPDX-License-Identifier: GPL-2.0-only
// One shadow page is not looked into: what it maps of the memslot stays.

@@
@@
 zap_shadow_by_pages(...)
 {
	...
-	unsigned long left = arch->n_used_mmu_pages;
+	unsigned long left = arch->n_used_mmu_pages - 1;
	...
 }
