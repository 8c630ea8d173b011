// SPDX-License-Identifier: GPL-2.0-only
// What lies at 1G stays: a page table of no use for each GiB of the memslot, or a 1G
// page of it mapped.

@@
@@
 zap_tdp_root(...)
 {
	<...
-	ALIGN(start, gib) + gib <= end
+	end + gib < start
	...>
 }
