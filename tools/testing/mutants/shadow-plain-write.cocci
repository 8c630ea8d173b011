// SPDX-License-Identifier: GPL-2.0-only
// An SPTE goes by a plain write, after its page was told: what a vCPU writes to the page
// in between is told to nobody, and the host drops the page for a clean one.

@@
@@
 zap_shadow_only(...)
 {
	...
-	kvm_zap_leaf_to_page(xchg(spte, SHADOW_NONPRESENT_VALUE));
+	kvm_zap_leaf_to_page(*spte);
+	WRITE_ONCE(*spte, SHADOW_NONPRESENT_VALUE);
	...
 }
