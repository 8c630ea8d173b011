// SPDX-License-Identifier: GPL-2.0-only
// A window that was opened with zap_stall off counts, because the one before did.

@@
expression e;
@@
 kvm_zap_stall_close(...)
 {
	...
-	WRITE_ONCE(w->timed, e);
	...
 }
