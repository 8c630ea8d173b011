// SPDX-License-Identifier: GPL-2.0-only
// A page table that ends with the memslot's first page is not looked into.

@@
expression e;
@@
 zap_shadow_may_map(...)
 {
	<...
-	sp->gfn + e > slot->base_gfn
+	sp->gfn + e > slot->base_gfn + 1
	...>
 }
