// SPDX-License-Identifier: GPL-2.0-only
// An entry goes by a plain write: what a vCPU has written to the page since the entry was
// read is told to nobody, and the host drops the page for a clean one.

@@
@@
 zap_tdp_entry(...)
 {
	<...
-	while (!try_cmpxchg64(...))
-		if (...)
-			return;
+	WRITE_ONCE(*sptep, SHADOW_NONPRESENT_VALUE);
	...>
 }
