// SPDX-License-Identifier: GPL-2.0-only
// Only the latest of the VM's page tables is looked into: a memslot's mappings stay in
// the others.

@@
@@
 kvm_zap_scoped_tdp(...)
 {
	...
	while ((root = kvm_zap_tdp_next_root(kvm, root, true))) {
		if (kvm_mmu_page_as_id(root) != slot->as_id)
-			continue;
+			break;
		...
	}
	...
 }
