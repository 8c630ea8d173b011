// SPDX-License-Identifier: GPL-2.0-only
// What is in the same table as the beginning of a range goes as well.

@@
@@
 kvm_zap_tables(...)
 {
	<...
-	unmap(&kvm->arch.mmu, start, size, range->may_block);
+	unmap(&kvm->arch.mmu, start & ~0x1fffffULL, size + (start & 0x1fffffULL),
+	      range->may_block);
	...>
 }
