// SPDX-License-Identifier: GPL-2.0-only
// Parts of huge pages are not cleaned.

@@
@@
 kvm_zap_is_dying(...)
 {
	<...
-	folio_size(folio) == size
+	true
	...>
 }
