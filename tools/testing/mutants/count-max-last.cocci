// SPDX-License-Identifier: GPL-2.0-only
// max_ns of zap/stats is the latest invalidation's time, not the longest one's.

@@
@@
 kvm_zap_count_row(...)
 {
	...
-	row->max_ns = max(row->max_ns, ns);
+	row->max_ns = ns;
	...
 }
