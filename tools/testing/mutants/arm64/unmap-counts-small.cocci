// SPDX-License-Identifier: GPL-2.0-only
// Each page that the host swaps out is an invalidation.

@@
@@
 kvm_zap_has_table(...)
 {
	<...
-	return false;
+	return true;
	...>
 }
