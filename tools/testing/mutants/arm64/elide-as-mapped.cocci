// SPDX-License-Identifier: GPL-2.0-only
// Pages that parent and child share are not cleaned.

@@
@@
 kvm_zap_is_dying(...)
 {
	<...
-	folio_ref_count(folio) == 1
+	folio_ref_count(folio) == folio_mapcount(folio)
	...>
 }
