// SPDX-License-Identifier: GPL-2.0-only
// A block is counted as a table is, by what lies behind it.

@@
@@
 zap_count_block(...)
 {
-	zap->sptes++;
+	zap->sptes += kvm_granule_size(level) >> PAGE_SHIFT;
	...
 }
