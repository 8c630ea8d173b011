// SPDX-License-Identifier: GPL-2.0-only
// A memslot of System Management Mode takes guest page tables of the same address
// outside of that, or an ordinary one those of SMM.

@@
@@
 zap_shadow_gfn(...)
 {
	<...
-	kvm_mmu_page_as_id(sp) == zap->slot->as_id
+	true
	...>
 }
