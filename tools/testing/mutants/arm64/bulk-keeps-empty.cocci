// SPDX-License-Identifier: GPL-2.0-only
// A table that a memslot has emptied from its middle on stays.

@@
@@
 zap_break(...)
 {
	<...
-	zap_break(bulk, child, addr, next, level + 1) + 1 !=
+	zap_break(bulk, child, addr, next, level + 1) + 2 !=
	pgt->mm_ops->page_count(child)
	...>
 }
