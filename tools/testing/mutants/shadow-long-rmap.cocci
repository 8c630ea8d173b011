// SPDX-License-Identifier: GPL-2.0-only
// Of a page that the guest maps many times, only one mapping is dropped.

@@
@@
 kvm_zap_shadow_rmap(...)
 {
	<...
-	kvm_zap_rmap_val(rmap)
+	false
	...>
 }
