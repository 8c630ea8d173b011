// SPDX-License-Identifier: GPL-2.0-only
// Wraps of the MMIO generation are counted under the policy that did not run.

@@
@@
 kvm_zap_count_vm(...)
 {
	<...
-	stat->counts[counters[zap->site][zap->policy]]++;
+	stat->counts[counters[zap->site][zap->site != KVM_ZAP_SITE_MMIO ? zap->policy :
+		     KVM_ZAP_POLICY_FAST + KVM_ZAP_POLICY_SCOPED - zap->policy]]++;
	...>
 }
