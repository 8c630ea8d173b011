// SPDX-License-Identifier: GPL-2.0-only
// The parameter is sampled twice: an invalidation can be counted as one policy and
// done by another.

@@
@@
 kvm_zap_begin(...)
 {
	...
	kvm_zap_open(kvm, &zap->record, site, slot,
-		     policy == KVM_ZAP_POLICY_STOCK ? own : policy
+		     kvm_zap_choose(kvm, site, &by) == KVM_ZAP_POLICY_STOCK ? own : policy
		     , by);
	...
 }
