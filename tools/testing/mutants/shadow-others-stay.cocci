// SPDX-License-Identifier: GPL-2.0-only
// Of the page tables that map the same page, one is looked at whether it is empty.

@@
@@
 zap_shadow_several(...)
 {
	<...
-	if (thins)
+	if (thins && spte == sptes)
		zap_shadow_thin_out(...);
	...>
 }
