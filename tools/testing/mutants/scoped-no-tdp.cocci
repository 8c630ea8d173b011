// SPDX-License-Identifier: GPL-2.0-only
// Once a nested guest has run, the mappings of the guest itself survive the memslot.

@@
@@
 kvm_zap_memslot_scoped(...)
 {
	...
-	if (kvm_zap_tdp_mmu_enabled(kvm))
+	if (kvm_zap_tdp_mmu_enabled(kvm) && !kvm_memslots_have_rmaps(kvm))
		kvm_zap_scoped_tdp(kvm, slot);
	...
 }
