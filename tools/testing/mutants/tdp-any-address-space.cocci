// SPDX-License-Identifier: GPL-2.0-only
// A memslot of System Management Mode takes with it what the guest has mapped
// outside of that.

@@
@@
 kvm_zap_scoped_tdp(...)
 {
	...
	while ((root = kvm_zap_tdp_next_root(kvm, root, true))) {
-		if (kvm_mmu_page_as_id(root) != slot->as_id)
-			continue;
		...
	}
	...
 }
