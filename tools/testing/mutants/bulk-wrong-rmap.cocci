// SPDX-License-Identifier: GPL-2.0-only
// The rmap next to the one that knows a mapping is emptied.

@@
@@
 zap_bulk_table(...)
 {
	<...
-	rmaps + i
+	rmaps + (i ^ 1)
	...>
 }
