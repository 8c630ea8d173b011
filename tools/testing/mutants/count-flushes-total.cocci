// SPDX-License-Identifier: GPL-2.0-only
// zap/stats adds up all flushes since the VM was created, at each invalidation.

@@
@@
 kvm_zap_publish(...)
 {
	...
-	kvm_zap_count_row(zap, kvm_zap_remote_flushes(kvm, zap->flushes), ns);
+	kvm_zap_count_row(zap, kvm_zap_remote_flushes(kvm, 0), ns);
	...
 }
