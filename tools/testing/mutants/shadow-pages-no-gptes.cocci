// SPDX-License-Identifier: GPL-2.0-only
// The same where the shadow pages are searched: guest page tables in the memslot are
// still shadowed.

@@
@@
 zap_shadow_page(...)
 {
	...
	if (kvm_mmu_page_as_id(sp) == zap->slot->as_id) {
-		if (zap_shadow_belongs(zap, sp))
-			return kvm_zap_shadow_own(zap, sp);
		...
	}
	...
 }
