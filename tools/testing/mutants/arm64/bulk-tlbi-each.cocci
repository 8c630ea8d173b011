// SPDX-License-Identifier: GPL-2.0-only
// TLBs are invalidated for each leaf, as by policy walk.

@@
@@
 zap_reap_leaf(...)
 {
	...
+	kvm_call_hyp(__kvm_tlb_flush_vmid, bulk->pgt->mmu);
	bulk->zap->sptes++;
	...
 }
