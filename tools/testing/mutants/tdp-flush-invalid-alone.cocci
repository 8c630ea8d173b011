// SPDX-License-Identifier: GPL-2.0-only
// A flush is asked for where no vCPU needs one, and nowhere else.

@@
@@
 zap_tdp_entry(...)
 {
	<...
-	zap->flush |= !zap->root->role.invalid;
+	zap->flush |= zap->root->role.invalid;
	...>
 }
