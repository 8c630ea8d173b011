// SPDX-License-Identifier: GPL-2.0-only
// A page table's last mappings are not looked at when it goes: the counts have them
// not, and their pages are not told.

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
