// SPDX-License-Identifier: GPL-2.0-only
// A lock break gives way to an MMU notifier first and flushes then: the host gives a page
// to somebody else that a vCPU still writes to.

@@
@@
 kvm_zap_shadow_break(...)
 {
	...
-	zap_shadow_flush(zap);
	kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
+	zap_shadow_flush(zap);
	...
 }
