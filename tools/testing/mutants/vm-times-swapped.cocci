// SPDX-License-Identifier: GPL-2.0-only
// Times of one policy are shown as the other's.

@@
@@
- kvm_zap_count_time(kvm, zap->policy, ns)
+ kvm_zap_count_time(kvm, KVM_ZAP_POLICY_FAST + KVM_ZAP_POLICY_SCOPED - zap->policy, ns)
