// SPDX-License-Identifier: GPL-2.0-only
// An invalidation in an open window opens another one: the faults until then are lost, and
// windows are counted by invalidations.

@@
@@
 kvm_zap_note_end(...)
 {
	...
-	if (!w->open && !w->stopped)
+	if (!w->stopped)
		kvm_zap_window_open(kvm, now);
	...
 }
