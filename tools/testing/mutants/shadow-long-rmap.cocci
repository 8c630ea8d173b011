// SPDX-License-Identifier: GPL-2.0-only
// Of a page that the guest maps many times, one mapping goes.

@@
statement S;
@@
 kvm_zap_shadow_rmap(...)
 {
	...
-	while ((spte = kvm_zap_rmap_first(rmap))) S
+	if ((spte = kvm_zap_rmap_first(rmap))) S
 }
