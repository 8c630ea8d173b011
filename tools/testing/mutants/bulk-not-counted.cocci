// SPDX-License-Identifier: GPL-2.0-only
// zap/stats tells of fewer leaf SPTEs than the VM had.

@@
@@
 zap_bulk_account(...)
 {
	...
-	kvm_zap_count_sptes(kvm, leafs);
 }
