// SPDX-License-Identifier: GPL-2.0-only
// An MMIO SPTE of the last page that a guest can have outlives the wrap: the last
// entry of a page table is left out.

@@
@@
 zap_mmio_tdp_table(...)
 {
	<...
-	SPTE_ENT_PER_PAGE
+	SPTE_ENT_PER_PAGE - 1
	...>
 }
