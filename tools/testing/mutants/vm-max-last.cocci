// SPDX-License-Identifier: GPL-2.0-only
// scoped_max_ns of zap/vms is the latest invalidation's time, not the longest one's.

@@
@@
 kvm_zap_count_time(...)
 {
	...
-	WRITE_ONCE(time->max_ns, max(time->max_ns, ns));
+	WRITE_ONCE(time->max_ns, ns);
 }
