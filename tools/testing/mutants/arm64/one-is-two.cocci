// SPDX-License-Identifier: GPL-2.0-only
// TLBs are invalidated for the last one of several mappings.

@@
@@
 zap_invalidate(...)
 {
	<...
-	bulk->leafs == 1 && !bulk->whole
+	bulk->leafs && !bulk->whole
	...>
 }
