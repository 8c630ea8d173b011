// SPDX-License-Identifier: GPL-2.0-only
// For one mapping, the TLBs of the VM are invalidated.

@@
@@
 zap_invalidate(...)
 {
	<...
-	bulk->leafs == 1 && !bulk->whole
+	false
	...>
 }
