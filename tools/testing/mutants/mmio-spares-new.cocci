// SPDX-License-Identifier: GPL-2.0-only
// MMIO SPTEs that carry the new generation's number are spared, be they a cycle old.

@@
@@
 zap_mmio_tdp_root(...)
 {
	<...
-	if (!kvm_zap_is_mmio_spte(kvm, iter.old_spte) ||
+	if (!kvm_zap_is_mmio_spte(kvm, iter.old_spte) ||
+	    !(iter.old_spte & (MMIO_SPTE_GEN_LOW_MASK | MMIO_SPTE_GEN_HIGH_MASK)) ||
	    !try_cmpxchg64(...))
		continue;
	...>
 }
