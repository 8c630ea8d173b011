// SPDX-License-Identifier: GPL-2.0-only
// Invalidations are left to what they replace, and drop without counting.

@@
expression E;
@@
 kvm_zap_unmapper(...)
 {
	...
-	return E;
+	return unmap;
 }
