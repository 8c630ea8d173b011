// SPDX-License-Identifier: GPL-2.0-only
// A table that goes as a whole is never one mapping.

@@
@@
 zap_has_one(...)
 {
-	return ...;
+	return false;
 }
