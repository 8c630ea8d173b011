// SPDX-License-Identifier: GPL-2.0-only
// Each VM that goes leaves its page tables allocated.

@@
@@
 zap_bulk_tdp_table(...)
 {
	...
-	call_rcu(&sp->rcu_head, tdp_mmu_free_sp_rcu_callback);
 }
