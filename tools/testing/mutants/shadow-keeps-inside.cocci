// SPDX-License-Identifier: GPL-2.0-only
// Page tables whose range lies in a memslot stay when it goes, if they map nothing.

@@
@@
 zap_shadow_is_inside(...)
 {
	<...
-	sp->role.direct
+	false
	...>
 }
