// SPDX-License-Identifier: GPL-2.0-only
// An invalidation that is over is found by the next one of the task, on a stack that is
// something else's by then.

@@
@@
 kvm_zap_stage2_end(...)
 {
	...
-	*at = zap->next;
	...
 }
