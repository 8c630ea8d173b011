// SPDX-License-Identifier: GPL-2.0-only
// A VM that never comes to rest is never reported.

@@
@@
 kvm_zap_window_work(...)
 {
	...
-	if (now < w->until_ns && ns < KVM_ZAP_WINDOW_MAX * w->length_ns)
+	if (now < w->until_ns)
	{ ... }
	...
 }
