// SPDX-License-Identifier: GPL-2.0-only
// Pages that are no anonymous memory are not cleaned.

@@
@@
 kvm_zap_is_dying(...)
 {
	<...
-	folio_test_anon(folio)
+	true
	...>
 }
