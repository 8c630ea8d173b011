// SPDX-License-Identifier: GPL-2.0-only
// A page table that the memslot shares with the next one goes as a whole: the guest
// faults its neighbours' memory in again.

@@
expression e;
@@
 zap_tdp_walk(...)
 {
	<...
-	iter.gfn + e <= end
+	iter.gfn < end
	...>
 }
