// SPDX-License-Identifier: GPL-2.0-only
// bulk does without mmu_lock: an MMU notifier empties the same page tables.

@@
@@
 kvm_zap_bulk(...)
 {
	<...
-	write_lock(&kvm->mmu_lock);
	...>
 }

@@
@@
 kvm_zap_bulk(...)
 {
	<...
-	write_unlock(&kvm->mmu_lock);
	...>
 }
