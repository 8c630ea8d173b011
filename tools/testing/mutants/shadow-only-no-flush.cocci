// SPDX-License-Identifier: GPL-2.0-only
// Of an SPTE that its rmap has alone, as most have, no vCPU is told.

@@
@@
 zap_shadow_only(...)
 {
	...
-	zap->flush = true;
	...
 }
