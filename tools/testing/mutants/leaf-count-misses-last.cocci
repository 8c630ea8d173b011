// SPDX-License-Identifier: GPL-2.0-only
// A page table's last mappings are not counted when it goes, on a kernel where that is
// all there is to do for them.

@@
expression spte;
@@
 kvm_zap_leafs_to_pages(...)
 {
	<...
-	spte + SPTE_ENT_PER_PAGE
+	spte + SPTE_ENT_PER_PAGE - 4
	...>
 }
