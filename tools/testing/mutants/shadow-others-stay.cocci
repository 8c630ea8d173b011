// SPDX-License-Identifier: GPL-2.0-only
// Of the page tables that map the same page, only one is checked for being empty.

@@
expression list E;
@@
 zap_shadow_several(...)
 {
	<...
-	zap_shadow_thin_out(E);
+	if (spte == sptes)
+		zap_shadow_thin_out(E);
	...>
 }
