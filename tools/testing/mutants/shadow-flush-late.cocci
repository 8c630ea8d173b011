// SPDX-License-Identifier: GPL-2.0-only
// The flush comes after mmu_lock is given up: an MMU notifier that waited for it finds
// no mapping, and a page is freed that a CPU still writes to.

@@
@@
 kvm_zap_shadow_finish(...)
 {
	...
-	zap_shadow_flush(zap);
+	write_unlock(&zap->kvm->mmu_lock);
+	zap_shadow_flush(zap);
+	write_lock(&zap->kvm->mmu_lock);
	...
 }
