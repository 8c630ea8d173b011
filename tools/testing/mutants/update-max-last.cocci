// SPDX-License-Identifier: GPL-2.0-only
// memslot_update_max_ns is the latest update's time, not the longest one's.

@@
@@
 kvm_zap_update_end(...)
 {
	...
-	stat->memslot_update_max_ns = max(stat->memslot_update_max_ns, ns);
+	stat->memslot_update_max_ns = ns;
	...
 }
