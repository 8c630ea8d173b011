// SPDX-License-Identifier: GPL-2.0-only
// A guest that boots seems to suffer from each invalidation.

@@
@@
 kvm_zap_window_close(...)
 {
	...
-	refaults -= min(refaults, expected);
+	refaults -= min(refaults, 0 * expected);
	...
 }
