// SPDX-License-Identifier: GPL-2.0-only
// A page table that has mappings left is unlinked as if it had none: the rmaps of other
// memslots know SPTEs in memory that is freed.

@@
@@
 kvm_zap_table_is_empty(...)
 {
	...
-	if (zap_table_has_leafs(sp))
+	if (zap_table_has_leafs(sp) && sp->role.level > PG_LEVEL_4K)
		return false;
	...
 }
