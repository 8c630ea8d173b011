// SPDX-License-Identifier: GPL-2.0-only
// What scoped kept before registers were set stays: a vCPU runs with stale shadow pages.

@@
@@
 zap_sregs_owes_fast(...)
 {
-	return smp_load_acquire(&kvm->zap->arch.kept) && zap_sregs_were_set(kvm);
+	return false;
 }
