// SPDX-License-Identifier: GPL-2.0-only
// A page of 1 GiB stays mapped where a memslot's mappings are looked for by its rmaps.

@@
@@
 zap_shadow_by_slot(...)
 {
	<...
-	level <= KVM_MAX_HUGEPAGE_LEVEL
+	level < KVM_MAX_HUGEPAGE_LEVEL
	...>
 }
