// SPDX-License-Identifier: GPL-2.0-only
// The longest stall that an operator sees is the last one.

@@
@@
 kvm_zap_stall_close(...)
 {
	<...
-	stat->zap_stall_max_ns = max(stat->zap_stall_max_ns, ns);
+	stat->zap_stall_max_ns = ns;
	...>
 }
