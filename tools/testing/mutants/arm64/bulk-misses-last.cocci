// SPDX-License-Identifier: GPL-2.0-only
// The last page of a memslot that ends within a table stays mapped.

@@
@@
 zap_break(...)
 {
	...
-	for (; addr != end; addr = next)
+	for (; addr != end && (level != ZAP_LAST_LEVEL || end % SZ_2M == 0 || addr + PAGE_SIZE != end); addr = next)
	{ ... }
	...
 }
