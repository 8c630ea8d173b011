// SPDX-License-Identifier: GPL-2.0-only
// Page tables are freed without a grace period: a page fault that walks them without
// mmu_lock reads, and changes, memory of somebody else's.

@@
@@
 zap_tdp_free(...)
 {
	<...
-	call_rcu(&sp->rcu_head, tdp_mmu_free_sp_rcu_callback);
+	tdp_mmu_free_sp_rcu_callback(&sp->rcu_head);
	...>
 }
