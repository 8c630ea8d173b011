// SPDX-License-Identifier: GPL-2.0-only
// An MMIO SPTE of the last page that a guest can have outlives the wrap: the last
// entry of a page table is left out.

@@
expression i;
@@
 zap_mmio_tdp_table(...)
 {
	<...
-	i < SPTE_ENT_PER_PAGE
+	i < SPTE_ENT_PER_PAGE - 1
	...>
 }
