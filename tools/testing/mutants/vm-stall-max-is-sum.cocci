// SPDX-License-Identifier: GPL-2.0-only
// zap/vms has the sum where the longest stall should be.

@@
@@
 kvm_zap_vms_show(...)
 {
	<...
-	seq_printf(m, " %llu", kvm->stat.zap.zap_stall_max_ns);
+	seq_printf(m, " %llu", kvm->stat.zap.zap_stall_ns);
	...>
 }
