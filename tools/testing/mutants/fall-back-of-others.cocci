// SPDX-License-Identifier: GPL-2.0-only
// Who tears down a VM beside another one says for that one that it falls back: zap/stats
// counts as walk what was done by fast.

@@
@@
 kvm_zap_fall_back(...)
 {
-	if (kvm_zap_is_mine(kvm))
		kvm->zap.policy = policy;
 }
