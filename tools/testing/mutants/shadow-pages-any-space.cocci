// SPDX-License-Identifier: GPL-2.0-only
// A memslot takes mappings of the other address space, searched by shadow pages.

@@
@@
 zap_shadow_page(...)
 {
-	if (kvm_mmu_page_as_id(sp) == zap->slot->as_id) {
+	if (sp) {
	...
	}
	...
 }
