// SPDX-License-Identifier: GPL-2.0-only
// Nobody learns what a memslot takes along when it goes: each loss is called its own.

@@
@@
 kvm_zap_collateral(...)
 {
	...
-	return zap->sptes - min(zap->sptes, own);
+	return 0 * own;
 }
