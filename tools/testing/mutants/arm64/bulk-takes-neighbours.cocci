// SPDX-License-Identifier: GPL-2.0-only
// A table of which a part goes goes as a whole.

@@
@@
 zap_break_child(...)
 {
	...
-	if (end - addr == kvm_granule_size(level) && !zap_has_one(bulk, child))
+	if ((level == ZAP_LAST_LEVEL - 1 || end - addr == kvm_granule_size(level)) &&
+	    !zap_has_one(bulk, child))
	{ ... }
	...
 }
