// SPDX-License-Identifier: GPL-2.0-only
// A page table that is being searched is unlinked as soon as it is empty, and put back among
// those in use.

@@
@@
 kvm_zap_shadow_break(...)
 {
	...
	zap->cost = 0;
+	if (!list_empty(&zap->thinned))
+		zap_shadow_settle_first(zap);
	if (...)
		return true;
	...
 }
