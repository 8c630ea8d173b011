// SPDX-License-Identifier: GPL-2.0-only
// Pages of hugetlbfs are not cleaned.

@@
@@
 kvm_zap_is_dying(...)
 {
	<...
-	folio_test_hugetlb(folio)
+	false
	...>
 }
