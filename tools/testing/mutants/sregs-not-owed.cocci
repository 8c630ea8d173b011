// SPDX-License-Identifier: GPL-2.0-only
// What scoped kept before registers were set stays: a vCPU runs with stale shadow pages.

@@
@@
 zap_sregs_owes_fast(...)
 {
-	return READ_ONCE(kvm->zap.kept) && READ_ONCE(kvm->zap.sregs);
+	return false;
 }
