// SPDX-License-Identifier: GPL-2.0-only
// Memory that went is in the reach of vCPUs that run.

@@
expression mmu, addr, size;
@@
 zap_invalidate(...)
 {
	<...
(
-	kvm_flush_remote_tlbs(kvm);
+	;
|
-	kvm_tlb_flush_vmid_range(mmu, addr, size);
+	;
)
	...>
 }
