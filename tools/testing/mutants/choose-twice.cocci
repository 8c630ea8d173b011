// SPDX-License-Identifier: GPL-2.0-only
// The parameter is sampled twice: an invalidation can be counted as one policy and
// done by another.

@@
@@
 kvm_zap_begin(...)
 {
	...
-	zap->policy = policy == KVM_ZAP_POLICY_STOCK ? own : policy;
+	zap->policy = kvm_zap_choose(kvm, site, &by) == KVM_ZAP_POLICY_STOCK ?
+		      own : policy;
	...
 }
