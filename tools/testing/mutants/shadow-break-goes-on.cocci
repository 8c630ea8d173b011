// SPDX-License-Identifier: GPL-2.0-only
// After a lock break the walk goes on with a shadow page that may be gone.

@@
expression e;
@@
 zap_shadow_go_on(...)
 {
	...
	kvm_zap_count_yield(kvm, e);
-	return false;
+	return true;
 }
