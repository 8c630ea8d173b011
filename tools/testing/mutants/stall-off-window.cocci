// SPDX-License-Identifier: GPL-2.0-only
// Switched on, it counts the rest of a window that it was off in.

@@
@@
 kvm_zap_stall_open(...)
 {
	...
-	if (w->timed || !static_key_enabled(&kvm_zap_stall_key))
+	if (w->timed)
		return;
	...
 }
