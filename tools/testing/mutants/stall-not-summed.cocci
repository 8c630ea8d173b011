// SPDX-License-Identifier: GPL-2.0-only
// What the windows before have cost is forgotten.

@@
@@
 kvm_zap_stall_close(...)
 {
	...
-	stat->zap_stall_ns += sum;
+	stat->zap_stall_ns = sum;
	...
 }
