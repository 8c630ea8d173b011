// SPDX-License-Identifier: GPL-2.0-only
// Entries of 1 GiB stay: a useless page table for each GiB of the memslot, or a mapped 1
// GiB page of it.

@@
@@
 zap_tdp_root(...)
 {
	<...
-	ALIGN(start, gib) + gib <= end
+	end + gib < start
	...>
 }
