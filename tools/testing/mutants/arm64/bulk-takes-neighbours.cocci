// SPDX-License-Identifier: GPL-2.0-only
// A table of which a part goes goes as a whole.

@@
@@
 zap_break(...)
 {
	<...
-	zap_is_table(pte, level) && next - addr != kvm_granule_size(level)
+	zap_is_table(pte, level) && level < ZAP_LAST_LEVEL - 1 &&
+	next - addr != kvm_granule_size(level)
	...>
 }
