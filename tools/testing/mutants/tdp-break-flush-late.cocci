// SPDX-License-Identifier: GPL-2.0-only
// A lock break gives way to an MMU notifier first and flushes then: the host gives a page
// to somebody else that a vCPU still writes to.

@@
@@
 zap_tdp_walk(...)
 {
	<...
-	zap_tdp_flush(zap);
	kvm_zap_tdp_break(zap->kvm, &iter, true);
+	zap_tdp_flush(zap);
	...>
 }
