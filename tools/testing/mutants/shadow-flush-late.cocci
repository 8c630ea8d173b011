// SPDX-License-Identifier: GPL-2.0-only
// mmu_lock is given up between the last SPTE and the flush: an MMU notifier that waited
// finds nothing mapped, and the host takes a page that a vCPU still writes to.

@@
@@
 kvm_zap_scoped_shadow(...)
 {
	...
+	write_unlock(&kvm->mmu_lock);
+	write_lock(&kvm->mmu_lock);
	kvm_zap_shadow_finish(&zap);
	...
 }
