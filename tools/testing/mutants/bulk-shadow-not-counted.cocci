// SPDX-License-Identifier: GPL-2.0-only
// Leaf SPTEs that are not alone in their rmap are missing in the counts.

@@
@@
 zap_bulk_spte(...)
 {
	<...
	drop_spte(kvm, spte);
-	kvm_zap_count_sptes(kvm, 1);
	...>
 }
