// SPDX-License-Identifier: GPL-2.0-only
// Pages that are not cleaned are not counted.

@@
@@
 zap_elide_leaf(...)
 {
	<...
-	bulk->zap->extras[KVM_ZAP_EXTRA_ELIDED] += size >> PAGE_SHIFT;
+	;
	...>
 }
