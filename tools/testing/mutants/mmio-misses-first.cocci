// SPDX-License-Identifier: GPL-2.0-only
// The walk goes on a page too far in the next page table: an MMIO SPTE of its first
// page outlives the wrap.

@@
@@
 zap_mmio_tdp_table(...)
 {
	<...
-	zap->next = gfn + i * step;
+	zap->next = gfn + i * step + 1;
	...>
 }
