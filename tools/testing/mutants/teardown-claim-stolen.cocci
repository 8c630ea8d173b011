// SPDX-License-Identifier: GPL-2.0-only
// A second task that tears the VM down takes the first one's invalidation over: what the
// first one has counted is gone, and it ends none.

@@
@@
 kvm_zap_begin(...)
 {
	<...
-	cmpxchg(&zap->task, NULL, current)
+	xchg(&zap->task, current) && site != KVM_ZAP_SITE_TEARDOWN
	...>
 }
