// SPDX-License-Identifier: GPL-2.0-only
// The last page of a memslot that is searched by its rmaps stays mapped.

@@
@@
 zap_shadow_rmaps(...)
 {
	...
-	end = rmap + gfn_to_index(last, slot->base_gfn, level) + 1;
+	end = rmap + gfn_to_index(last, slot->base_gfn, level);
	...
 }
