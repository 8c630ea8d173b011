// SPDX-License-Identifier: GPL-2.0-only
// MMIO SPTEs of the last 2 MiB that a guest can have outlive the wrap.

@@
iterator name for_each_kvm_zap_tdp_pte;
@@
 zap_mmio_tdp_root(...)
 {
	...
	for_each_kvm_zap_tdp_pte(...,
-				 kvm_mmu_max_gfn() + 1
+				 kvm_mmu_max_gfn() + 1 - KVM_PAGES_PER_HPAGE(PG_LEVEL_2M)
				 ) { ... }
 }
