// SPDX-License-Identifier: GPL-2.0-only
// A guest that mapped much when it booted, and has had no rest since, seems never to suffer.

@@
@@
 kvm_zap_window_close(...)
 {
	...
	if (w->open) {
-		w->quiet_faults /= 2;
		...
	}
	...
 }
