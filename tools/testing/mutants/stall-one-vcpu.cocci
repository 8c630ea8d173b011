// SPDX-License-Identifier: GPL-2.0-only
// Only one vCPU's stall is in the sum.

@@
@@
 kvm_zap_stall_close(...)
 {
	<...
-	sum += ns;
+	sum = ns;
	...>
 }
