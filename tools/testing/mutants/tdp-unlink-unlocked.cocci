// SPDX-License-Identifier: GPL-2.0-only
// A page table is taken off the NX huge page worker's list as if nobody else were at that
// list: a fault elsewhere that puts one on it breaks the list.

@@
@@
 zap_tdp_table(...)
 {
	<...
-	kvm_zap_tdp_unlink_sp(zap->kvm, sp, true);
+	kvm_zap_tdp_unlink_sp(zap->kvm, sp, false);
	...>
 }
