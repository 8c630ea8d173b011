// SPDX-License-Identifier: GPL-2.0-only
// A guest goes on with memory that the host has unmapped.

@@
@@
 kvm_zap_tables(...)
 {
	<...
-	unmap(&kvm->arch.mmu, start, size, range->may_block);
+	unmap(&kvm->arch.mmu, start, size / 2, range->may_block);
	...>
 }
