// SPDX-License-Identifier: GPL-2.0-only
// The TDP MMU's walk does without mmu_lock: an MMU notifier empties the same page tables.

@@
@@
 kvm_zap_scoped_tdp(...)
 {
	<...
+	read_unlock(&kvm->mmu_lock);
 	zap_tdp_root(&zap);
+	read_lock(&kvm->mmu_lock);
	...>
 }
