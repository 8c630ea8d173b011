// SPDX-License-Identifier: GPL-2.0-only
// Whoever tears a VM down takes it for its own, be another one at it or not: zap/stats
// misses the VM, counts it twice, or says of it what nobody did.

@@
@@
 kvm_zap_begin(...)
 {
	...
-	if (cmpxchg(&zap->task, NULL, current)) {
-		...
-		return policy;
-	}
+	zap->task = current;
	...
 }
