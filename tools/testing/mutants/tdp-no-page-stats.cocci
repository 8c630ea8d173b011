// SPDX-License-Identifier: GPL-2.0-only
// KVM's statistics of mapped pages still have those that went.

@@
@@
 zap_tdp_account(...)
 {
	<...
-	kvm_update_page_stats(zap->kvm, level, -leafs);
	...>
 }
