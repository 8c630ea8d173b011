// SPDX-License-Identifier: GPL-2.0-only
// Huge pages survive a memslot that is searched by its rmaps.

@@
@@
 zap_shadow_by_slot(...)
 {
	...
-	for (level = PG_LEVEL_4K; level <= KVM_MAX_HUGEPAGE_LEVEL; level++)
+	for (level = PG_LEVEL_4K; level < PG_LEVEL_2M; level++)
		zap_shadow_rmaps(zap, level);
	...
 }
