// SPDX-License-Identifier: GPL-2.0-only
// Switched off, zap_stall goes on, and so do its costs.

@@
@@
 kvm_zap_stall_set(...)
 {
	<...
-	static_branch_disable(&kvm_zap_stall_key);
+	;
	...>
 }
