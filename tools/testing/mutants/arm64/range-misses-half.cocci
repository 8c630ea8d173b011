// SPDX-License-Identifier: GPL-2.0-only
// TLBs keep half of what a chunk loses, where they are invalidated by range.

@@
expression mmu, addr, size;
@@
 zap_invalidate(...)
 {
	<...
-	kvm_tlb_flush_vmid_range(mmu, addr, size);
+	kvm_tlb_flush_vmid_range(mmu, addr, size / 2);
	...>
 }
