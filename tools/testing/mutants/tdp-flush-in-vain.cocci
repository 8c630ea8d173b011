// SPDX-License-Identifier: GPL-2.0-only
// Each deletion flushes, even one that has dropped nothing: vCPUs are kicked for it.

@@
@@
 zap_tdp_flush(...)
 {
-	bool flush = zap->flush;
+	bool flush = true;
	...
 }
