// SPDX-License-Identifier: GPL-2.0-only
// Page tables in place of large pages are looked for where none can be, if the memslot
// does not begin with a large page.

@@
@@
 zap_shadow_by_gfns(...)
 {
	<...
-	SPTE_ENT_PER_PAGE - gfn % SPTE_ENT_PER_PAGE
+	SPTE_ENT_PER_PAGE
	...>
 }
