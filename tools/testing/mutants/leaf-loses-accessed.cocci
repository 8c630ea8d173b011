// SPDX-License-Identifier: GPL-2.0-only
// Reclaim takes memory that the guest has just used for idle, where a memslot went.

@@
@@
 kvm_zap_leaf_to_page(...)
 {
	<...
-	kvm_zap_accessed_to_page(spte, page);
	...>
 }
