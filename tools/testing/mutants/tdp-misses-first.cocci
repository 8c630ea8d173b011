// SPDX-License-Identifier: GPL-2.0-only
// The memslot's first mapping survives it: the guest reads and writes memory that is
// not its own any more.

@@
@@
 zap_tdp_walk(...)
 {
	<...
-	iter.gfn >= start
+	iter.gfn > start
	...>
 }
