// SPDX-License-Identifier: GPL-2.0-only
// The rmap next to the one that knows a mapping is emptied.

@@
@@
 zap_bulk_chunk(...)
 {
	<...
-	kvm_zap_rmap_forget(&rmaps[i], spte)
+	kvm_zap_rmap_forget(&rmaps[i ^ 1], spte)
	...>
 }
