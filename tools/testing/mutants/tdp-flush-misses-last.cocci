// SPDX-License-Identifier: GPL-2.0-only
// The range that is flushed leaves out the memslot's last page.

@@
@@
 zap_tdp_flush(...)
 {
	<...
-	zap->slot->npages
+	zap->slot->npages - 1
	...>
 }
