// SPDX-License-Identifier: GPL-2.0-only
// The tracepoint does not say which memslot it was.

@@
@@
 kvm_zap_tables(...)
 {
	<...
-	range->slot
+	NULL
	...>
 }
