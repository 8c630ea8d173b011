// SPDX-License-Identifier: GPL-2.0-only
// A page table that a small memslot leaves empty keeps its place: KVM reclaims what the
// guest uses ahead of it.

@@
@@
 zap_shadow_settle(...)
 {
	<...
-	list_move_tail(&sp->link, &zap->kvm->arch.active_mmu_pages);
+	list_move(&sp->link, &zap->kvm->arch.active_mmu_pages);
	...>
 }
