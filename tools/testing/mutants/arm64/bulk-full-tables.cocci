// SPDX-License-Identifier: GPL-2.0-only
// A table that is not full is taken for one that is: references of others are dropped.

@@
@@
 zap_nr_pages(...)
 {
	...
-	if (all)
		return PTRS_PER_PTE;
	...
 }
