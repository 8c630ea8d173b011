// SPDX-License-Identifier: GPL-2.0-only
// A table that a memslot has emptied from its middle on stays.

@@
@@
 zap_break_child(...)
 {
	...
-	if (gone + 1 != bulk->pgt->mm_ops->page_count(child))
+	if (gone + 2 != bulk->pgt->mm_ops->page_count(child))
		return false;
	...
 }
