// SPDX-License-Identifier: GPL-2.0-only
// Nothing is known of how many page faults a guest has anyway.

@@
@@
 kvm_zap_note_begin(...)
 {
	...
-	w->quiet_faults = kvm_zap_faults_since(...);
+	w->quiet_faults = 0;
	...
 }
