// SPDX-License-Identifier: GPL-2.0-only
// The new generation begins when the shadow MMU's walk is over: what vCPUs make meanwhile,
// behind it, is of the old one.

@@
@@
 kvm_zap_mmio_scoped(...)
 {
	<...
-	zap_mmio_begin_generation(&zap);
-	zap_mmio_shadow(&zap);
+	zap_mmio_shadow(&zap);
+	zap_mmio_begin_generation(&zap);
	...>
 }
