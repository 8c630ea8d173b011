// SPDX-License-Identifier: GPL-2.0-only
// 2M pages of a VM that goes are missing in the statistics.

@@
@@
 zap_bulk_tdp_root(...)
 {
	<...
-	zap_bulk_account(kvm, iter.level, 1);
	...>
 }
