// SPDX-License-Identifier: GPL-2.0-only
// A page table that begins before the memslot is not looked into.

@@
@@
 zap_shadow_may_map(...)
 {
	<...
-	sp->gfn < slot->base_gfn + slot->npages
+	sp->gfn >= slot->base_gfn && sp->gfn < slot->base_gfn + slot->npages
	...>
 }
