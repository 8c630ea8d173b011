// SPDX-License-Identifier: GPL-2.0-only
// Page tables are given to RCU before the flush: a CPU may still walk them when they
// are freed.

@@
@@
 zap_tdp_table(...)
 {
	...
-	list_add(&sp->link, &zap->unlinked);
+	call_rcu(&sp->rcu_head, tdp_mmu_free_sp_rcu_callback);
	...
 }
