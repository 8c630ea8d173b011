// SPDX-License-Identifier: GPL-2.0-only
// Leafs of other memslots are forgotten when a part of a page table was looked at:
// they survive their own memslot's deletion.

@@
@@
 zap_shadow_leafs(...)
 {
	<...
-	if (!left)
-		__clear_bit(chunk, &sp->zap.leafs);
+	__clear_bit(chunk, &sp->zap.leafs);
	...>
 }
