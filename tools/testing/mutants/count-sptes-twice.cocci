// SPDX-License-Identifier: GPL-2.0-only
// kvm_stat and the VMM see twice the leaf SPTEs that were dropped.

@@
@@
 kvm_zap_count_vm(...)
 {
	...
-	stat->zap_sptes += zap->sptes;
+	stat->zap_sptes += 2 * zap->sptes;
	...
 }
