// SPDX-License-Identifier: GPL-2.0-only
// The parameter is sampled twice: an invalidation can be counted as one policy and
// done by another.

@@
@@
 kvm_zap_begin(...)
 {
	...
-	zap->policy = policy;
+	zap->policy = kvm_zap_choose(kvm, site, slot, &stock);
	...
 }
