// SPDX-License-Identifier: GPL-2.0-only
// A window that was opened with zap_stall off counts, because the one before did.

@@
@@
 kvm_zap_stall_close(...)
 {
	...
-	WRITE_ONCE(kvm->zap.window.timed, false);
	...
 }
