// SPDX-License-Identifier: GPL-2.0-only
// After a lock break, the walk continues in page tables that may be gone, one entry
// further: the entry at which it stopped stays.

@@
@@
 kvm_zap_tdp_break(...)
 {
	...
-	iter->yielded = true;
 }
