// SPDX-License-Identifier: GPL-2.0-only
// What bulk drops by its rmap in the shadow MMU is in no count.

@@
@@
 zap_bulk_run(...)
 {
	<...
-	leafs++;
	...>
 }
