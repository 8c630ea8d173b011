// SPDX-License-Identifier: GPL-2.0-only
// Pages that are mapped once are not cleaned, though a pipe has them.

@@
@@
 kvm_zap_is_dying(...)
 {
	<...
-	folio_ref_count(folio) == 1
+	folio_mapcount(folio) == 1
	...>
 }
