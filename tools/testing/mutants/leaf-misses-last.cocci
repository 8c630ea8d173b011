// SPDX-License-Identifier: GPL-2.0-only
// When a page table goes, its last mappings are skipped: they are not counted, and their
// pages are not marked.

@@
expression i;
@@
 kvm_zap_leafs_to_pages(...)
 {
	<...
-	i < SPTE_ENT_PER_PAGE
+	i < SPTE_ENT_PER_PAGE - 4
	...>
 }
