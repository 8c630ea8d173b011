// SPDX-License-Identifier: GPL-2.0-only
// Only the shadow MMU's MMIO SPTEs are dropped.

@@
@@
 kvm_zap_mmio_scoped(...)
 {
	...
-	if (!kvm_zap_tdp_mmu_enabled(kvm))
+	if (kvm_zap_tdp_mmu_enabled(kvm))
		return;
	...
 }
