// SPDX-License-Identifier: GPL-2.0-only
// In the TDP MMU the new generation begins when the walk is done: what vCPUs make behind
// the walk has the old one, and is taken for valid a cycle later.

@@
@@
 kvm_zap_mmio_scoped(...)
 {
	<...
	write_lock(...);
-	zap_mmio_begin_generation(&zap);
+	if (!kvm_zap_tdp_mmu_enabled(kvm))
+		zap_mmio_begin_generation(&zap);
	zap_mmio_shadow(&zap);
	write_unlock(...);
+	if (kvm_zap_tdp_mmu_enabled(kvm)) {
+		read_lock(&kvm->mmu_lock);
+		zap_mmio_tdp(&zap);
+		read_unlock(&kvm->mmu_lock);
+		write_lock(&kvm->mmu_lock);
+		zap_mmio_begin_generation(&zap);
+		write_unlock(&kvm->mmu_lock);
+		return;
+	}
	...>
 }
