// SPDX-License-Identifier: GPL-2.0-only
// What the guest wrote to a file is lost when it goes with a page table.

@@
@@
 kvm_zap_leafs_to_pages(...)
 {
	<...
-	kvm_zap_leaf_to_page(spte);
	...>
 }
