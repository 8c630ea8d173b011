// SPDX-License-Identifier: GPL-2.0-only
// The second invalidation of a burst is not waited for.

@@
@@
 kvm_zap_window_work(...)
 {
	...
-	if (now < w->until_ns && ns < KVM_ZAP_WINDOW_MAX * w->length_ns)
+	if (ns < w->length_ns)
	{ ... }
	...
 }
