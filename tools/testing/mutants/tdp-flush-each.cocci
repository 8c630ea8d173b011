// SPDX-License-Identifier: GPL-2.0-only
// Each entry that goes has a flush of its own: vCPUs are kicked all the time.

@@
@@
 zap_tdp_walk(...)
 {
	<...
	zap_tdp_entry(zap, &iter);
+	zap_tdp_flush(zap);
	...>
 }
