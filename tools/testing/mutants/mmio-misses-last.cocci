// SPDX-License-Identifier: GPL-2.0-only
// An MMIO SPTE of the last page that a guest can have outlives the wrap.

@@
iterator name for_each_kvm_zap_tdp_pte;
@@
 zap_mmio_tdp_root(...)
 {
	...
	for_each_kvm_zap_tdp_pte(...,
-				 kvm_mmu_max_gfn() + 1
+				 kvm_mmu_max_gfn()
				 ) { ... }
 }
