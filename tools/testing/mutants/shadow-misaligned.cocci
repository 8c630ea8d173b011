// SPDX-License-Identifier: GPL-2.0-only
// Guest page tables in a memslot are found only where its memory is aligned otherwise
// than its addresses.

@@
expression e;
@@
 zap_shadow_may_have_gptes(...)
 {
	<...
-	e != misaligned
+	misaligned && e > 1
	...>
 }
