// SPDX-License-Identifier: GPL-2.0-only
// TLBs are flushed before the entries go: a vCPU that runs on fills its TLB again, and
// keeps the memory that was taken from it.

@@
@@
 kvm_zap_scoped_tdp(...)
 {
	<...
+	zap.flush = true;
+	zap_tdp_flush(&zap);
	zap_tdp_root(&zap);
+	zap.flush = false;
	...>
 }
