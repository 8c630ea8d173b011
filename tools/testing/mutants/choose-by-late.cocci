// SPDX-License-Identifier: GPL-2.0-only
// What decided is asked again when the invalidation is over: by then it may be another.

@@
@@
 kvm_zap_publish(...)
 {
	<...
-	now = ktime_get_ns();
+	now = ktime_get_ns();
+	kvm_zap_choose(kvm, zap->site, &zap->by);
	...>
 }
