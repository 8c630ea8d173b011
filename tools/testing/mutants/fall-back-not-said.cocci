// SPDX-License-Identifier: GPL-2.0-only
// A teardown that falls back to walk is counted as fast.

@@
@@
 kvm_zap_fall_back(...)
 {
-	if (kvm_zap_is_mine(kvm))
+	if (!kvm_zap_is_mine(kvm))
		kvm->zap->record.policy = policy;
 }
