// SPDX-License-Identifier: GPL-2.0-only
// What the guest wrote to a file is lost, outside of the TDP MMU.

@@
expression e, f;
@@
 zap_shadow_only(...)
 {
	<...
-	kvm_zap_leaf_to_page(xchg(e, f));
+	xchg(e, f);
	...>
 }
