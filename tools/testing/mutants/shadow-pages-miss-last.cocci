// SPDX-License-Identifier: GPL-2.0-only
// A page table that begins with the memslot's last page is not looked into.

@@
@@
 zap_shadow_may_map(...)
 {
	<...
-	sp->gfn < slot->base_gfn + slot->npages
+	sp->gfn < slot->base_gfn + slot->npages - 1
	...>
 }
