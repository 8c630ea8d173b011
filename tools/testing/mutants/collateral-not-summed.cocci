// SPDX-License-Identifier: GPL-2.0-only
// A VM's own statistic forgets what earlier memslots have taken along.

@@
@@
 kvm_zap_count_vm(...)
 {
	...
-	stat->zap_collateral += zap->collateral;
+	stat->zap_collateral = zap->collateral;
	...
 }
