// SPDX-License-Identifier: GPL-2.0-only
// After a lock break the walk goes on in page tables that may be gone, one entry
// further: what it was at stays.

@@
@@
 kvm_zap_tdp_break(...)
 {
	...
-	iter->yielded = true;
 }
