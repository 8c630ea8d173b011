// SPDX-License-Identifier: GPL-2.0-only
// A VM of many vCPUs seems to have one that stands still for longer than its window.

@@
@@
 kvm_zap_stall_close(...)
 {
	<...
-	stat->zap_stall_max_ns = max(stat->zap_stall_max_ns, ns);
+	stat->zap_stall_max_ns = max(stat->zap_stall_max_ns, sum);
	...>
 }
