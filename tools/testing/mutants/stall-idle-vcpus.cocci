// SPDX-License-Identifier: GPL-2.0-only
// The histogram has the vCPUs that did not stand still as well.

@@
@@
 kvm_zap_stall_close(...)
 {
	<...
-	if (!ns)
-		continue;
	...>
 }
