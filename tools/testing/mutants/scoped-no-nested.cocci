// SPDX-License-Identifier: GPL-2.0-only
// With the TDP MMU a nested guest goes on using the memory of a memslot that is gone.

@@
@@
 kvm_zap_memslot_scoped(...)
 {
	...
	if (kvm_zap_tdp_mmu_enabled(kvm))
		kvm_zap_scoped_tdp(kvm, slot);
-	if (kvm_memslots_have_rmaps(kvm))
+	else
		kvm_zap_scoped_shadow(kvm, slot);
	...
 }
