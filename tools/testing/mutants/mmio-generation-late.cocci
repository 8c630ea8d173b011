// SPDX-License-Identifier: GPL-2.0-only
// In the shadow MMU the new generation begins behind the walk: what a vCPU makes in a lock
// break has the old one, and is taken for valid a cycle later.

@@
@@
 kvm_zap_mmio_scoped(...)
 {
	<...
-	zap_mmio_begin_generation(&zap);
	zap_mmio_shadow(&zap);
+	zap_mmio_begin_generation(&zap);
	...>
 }
