// SPDX-License-Identifier: GPL-2.0-only
// Page tables that a memslot leaves empty stay: KVM reclaims others in their place.

@@
@@
 zap_shadow_settle(...)
 {
	<...
-	kvm_zap_table_is_empty(sp)
+	false
	...>
 }
