// SPDX-License-Identifier: GPL-2.0-only
// mmu_lock and the RCU read lock are dropped before the flush: a CPU may still walk
// page tables that are freed.

@@
@@
 zap_tdp_walk(...)
 {
	<...
-	zap_tdp_flush(zap);
	kvm_zap_tdp_break(zap->kvm, &iter, true);
	...>
 }
