// SPDX-License-Identifier: GPL-2.0-only
// Memory that went is in the reach of vCPUs that run.

@@
@@
 kvm_zap_bulk_range(...)
 {
	...
-	kvm_call_hyp(__kvm_tlb_flush_vmid, pgt->mmu);
	...
 }
