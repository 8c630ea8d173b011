// SPDX-License-Identifier: GPL-2.0-only
// Page tables are freed while a vCPU on another CPU may still walk them.

@@
@@
 zap_shadow_flush(...)
 {
	<...
-	zap->flush || !list_empty(&zap->unlinked)
+	zap->flush
	...>
 }
