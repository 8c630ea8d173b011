// SPDX-License-Identifier: GPL-2.0-only
// Shadow pages of guest page tables are unlinked and never freed.

@@
@@
 zap_shadow_flush(...)
 {
	<...
-	list_splice_tail_init(&zap->unlinked, &zap->flushed);
+	INIT_LIST_HEAD(&zap->unlinked);
	...>
 }
