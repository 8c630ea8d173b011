// SPDX-License-Identifier: GPL-2.0-only
// Only the TDP MMU's MMIO SPTEs are dropped.

@@
@@
 zap_mmio_shadow(...)
 {
	...
-	unsigned long left = kvm->arch.n_used_mmu_pages;
+	unsigned long left = 0;
	...
 }
