// SPDX-License-Identifier: GPL-2.0-only
// Memory that went is in the reach of vCPUs that run.

@@
@@
 zap_invalidate(...)
 {
	<...
-	kvm_flush_remote_tlbs(kvm);
+	;
	...>
 }
