// SPDX-License-Identifier: GPL-2.0-only
// Page tables that were removed are never freed: each deletion costs the host memory.

@@
@@
 zap_tdp_free(...)
 {
	<...
-	call_rcu(&sp->rcu_head, tdp_mmu_free_sp_rcu_callback);
	...>
 }
