// SPDX-License-Identifier: GPL-2.0-only
// KVM's statistics of mapped pages still have those that the memslot had.

@@
@@
 zap_shadow_flush(...)
 {
	<...
-	kvm_update_page_stats(zap->kvm, i + PG_LEVEL_4K, -zap->leafs[i]);
	...>
 }
