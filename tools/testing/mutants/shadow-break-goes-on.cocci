// SPDX-License-Identifier: GPL-2.0-only
// After a lock break, the walk continues with a shadow page that may be gone.

@@
expression e;
@@
 kvm_zap_shadow_break(...)
 {
	...
	kvm_zap_count_yield(kvm, e);
	...
	zap->cost = 0;
-	return false;
+	return true;
 }
