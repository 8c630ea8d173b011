// SPDX-License-Identifier: GPL-2.0-only
// The flush comes last, when mmu_lock is long given up: an MMU notifier finds nothing
// mapped, the host gives the page to somebody else, and a vCPU still writes to it.

@@
@@
 kvm_zap_scoped_tdp(...)
 {
	<...
-	flushed = zap_tdp_flush(&zap);
+	flushed = true;
	read_unlock(...);
	if (...)
		zap_tdp_flush_for_others(...);
	zap_tdp_free(&zap);
+	zap_tdp_flush(&zap);
	...>
 }
