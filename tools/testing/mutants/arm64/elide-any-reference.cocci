// SPDX-License-Identifier: GPL-2.0-only
// Pages of which somebody has a reference are not cleaned.

@@
@@
 kvm_zap_is_dying(...)
 {
	<...
-	folio_ref_count(folio) == 1 &&
-	folio_test_anon(folio)
+	folio_test_anon(folio)
	...>
 }
