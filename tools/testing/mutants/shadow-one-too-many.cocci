// SPDX-License-Identifier: GPL-2.0-only
// The page behind the memslot is taken for one of it.

@@
@@
 zap_shadow_in_slot(...)
 {
	...
-	return gfn - zap->slot->base_gfn < zap->slot->npages;
+	return gfn - zap->slot->base_gfn <= zap->slot->npages;
 }
