// SPDX-License-Identifier: GPL-2.0-only
// A page that went alone is in the reach of vCPUs that run.

@@
@@
 zap_invalidate(...)
 {
	<...
-	kvm_call_hyp(__kvm_tlb_flush_vmid_ipa, bulk->pgt->mmu, bulk->addr, bulk->level);
+	;
	...>
 }
