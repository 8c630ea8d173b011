// SPDX-License-Identifier: GPL-2.0-only
// Pages of KSM's are not cleaned.

@@
@@
 kvm_zap_is_dying(...)
 {
	<...
-	folio_test_ksm(folio)
+	false
	...>
 }
