// SPDX-License-Identifier: GPL-2.0-only
// The flush comes after the end of the RCU critical section that the page tables'
// freeing waits for.

@@
@@
 kvm_zap_scoped_tdp(...)
 {
	<...
-	zap_tdp_flush(&zap);
	rcu_read_unlock();
+	zap_tdp_flush(&zap);
	...>
 }
