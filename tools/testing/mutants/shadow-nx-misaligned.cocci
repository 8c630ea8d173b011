// SPDX-License-Identifier: GPL-2.0-only
// Page tables in place of large pages are looked for where none can be, if the memslot
// does not begin with a large page.

@@
@@
 zap_shadow_next_2m(...)
 {
	<...
-	gfn % SPTE_ENT_PER_PAGE
+	0
	...>
 }
