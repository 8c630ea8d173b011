// SPDX-License-Identifier: GPL-2.0-only
// The rmaps are looked for in the memslot as it was before it was marked invalid.

@@
@@
 zap_scoped_active(...)
 {
	...
-	return slot;
+	return old;
 }
