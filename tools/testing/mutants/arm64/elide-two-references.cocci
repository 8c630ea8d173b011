// SPDX-License-Identifier: GPL-2.0-only
// Pages that have one more reference are not cleaned.

@@
@@
 kvm_zap_is_dying(...)
 {
	<...
-	folio_ref_count(folio) == 1
+	folio_ref_count(folio) <= 2
	...>
 }
