// SPDX-License-Identifier: GPL-2.0-only
// Each table of a VM that goes away keeps a reference.

@@
@@
 zap_free_table(...)
 {
	...
-	page_ref_sub(virt_to_page(table), nr);
+	page_ref_sub(virt_to_page(table), nr - 1);
	...
 }
