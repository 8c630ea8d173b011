// SPDX-License-Identifier: GPL-2.0-only
// MMIO SPTEs that carry the new generation's number are spared, even if they are a cycle
// old.

@@
@@
 zap_mmio_tdp_drop(...)
 {
+	if (!(spte & (MMIO_SPTE_GEN_LOW_MASK | MMIO_SPTE_GEN_HIGH_MASK)))
+		return;
	...
 }
