// SPDX-License-Identifier: GPL-2.0-only
// The flush comes after mmu_lock is given up: an MMU notifier that waited for it finds
// no mapping, and a page is freed that a CPU still writes to.

@@
@@
 kvm_zap_scoped_tdp(...)
 {
	<...
-	flushed = zap_tdp_flush(&zap);
	read_unlock(...);
+	flushed = zap_tdp_flush(&zap);
	...>
 }
