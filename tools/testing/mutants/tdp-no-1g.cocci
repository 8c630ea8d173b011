// SPDX-License-Identifier: GPL-2.0-only
// What lies at 1G stays: a page table of no use for each GiB of the memslot, or a 1G
// page of it mapped.

@@
@@
 kvm_zap_scoped_tdp(...)
 {
	<...
-	zap_tdp_walk(&zap, root, PG_LEVEL_1G, PG_LEVEL_1G);
	...>
 }
