// SPDX-License-Identifier: GPL-2.0-only
// Where a memslot went, reclaim takes memory for idle that the guest has just used.

@@
@@
 kvm_zap_leaf_to_page(...)
 {
	<...
-	kvm_zap_accessed_to_page(spte, page);
	...>
 }
