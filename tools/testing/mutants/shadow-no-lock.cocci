// SPDX-License-Identifier: GPL-2.0-only
// The shadow MMU's walk does without mmu_lock: page faults change the same rmaps and lists.

@@
@@
 kvm_zap_scoped_shadow(...)
 {
	<...
-	write_lock(&kvm->mmu_lock);
	...>
 }

@@
@@
 kvm_zap_scoped_shadow(...)
 {
	<...
-	write_unlock(&kvm->mmu_lock);
	...>
 }
