// SPDX-License-Identifier: GPL-2.0-only
// What a guest page table in the memslot maps elsewhere is dropped as if no vCPU
// could use it any more when mmu_lock is made free before the table's turn comes.

@@
@@
	drop_spte(zap->kvm, spte);
	kvm_zap_count_sptes(zap->kvm, 1);
-	zap->flush = true;
