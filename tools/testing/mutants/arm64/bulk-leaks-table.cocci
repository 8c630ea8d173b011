// SPDX-License-Identifier: GPL-2.0-only
// A table that a memslot leaves behind keeps a reference, and is never freed.

@@
@@
 zap_reap(...)
 {
	<...
-	pgt->mm_ops->put_page(ptep);
	...>
 }
