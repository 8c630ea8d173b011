// SPDX-License-Identifier: GPL-2.0-only
// MMIO SPTEs of the address space whose generation does not wrap go as well.

@@
@@
 zap_mmio_tdp(...)
 {
	<...
-	if (kvm_mmu_page_as_id(root) != zap->as_id)
-		continue;
	...>
 }
