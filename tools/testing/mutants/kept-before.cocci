// SPDX-License-Identifier: GPL-2.0-only
// What scoped drops is counted as kept as well.

@@
@@
 kvm_zap_left(...)
 {
	...
-	return kvm_arch_zap_mapped(kvm);
+	return kvm_arch_zap_mapped(kvm) + zap->sptes;
 }
