// SPDX-License-Identifier: GPL-2.0-only
// No vCPU flushes an SPTE that is alone in its rmap, as most are.

@@
@@
 zap_shadow_only(...)
 {
	...
-	zap->flush = true;
	...
 }
