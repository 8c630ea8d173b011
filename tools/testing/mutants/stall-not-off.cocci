// SPDX-License-Identifier: GPL-2.0-only
// Switched off it goes on, and costs what it costs.

@@
@@
 kvm_zap_stall_set(...)
 {
	<...
-	static_branch_disable(&kvm_zap_stall_key);
+	;
	...>
 }
