// SPDX-License-Identifier: GPL-2.0-only
// What the guest wrote past the caches is not what the VMM reads.

@@
@@
 zap_clean_leaf(...)
 {
	...
-	bulk->pgt->mm_ops->dcache_clean_inval_poc(zap_follow(bulk->pgt, pte), size);
 }
