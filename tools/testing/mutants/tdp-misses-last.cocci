// SPDX-License-Identifier: GPL-2.0-only
// The memslot's last mapping survives it.

@@
expression e;
@@
 zap_tdp_walk(...)
 {
	<...
-	iter.gfn + e <= end
+	iter.gfn + e < end
	...>
 }
