// SPDX-License-Identifier: GPL-2.0-only
// mmu_lock is dropped before the flush: whoever takes it next believes that no vCPU
// uses what was dropped.

@@
@@
 kvm_zap_shadow_break(...)
 {
	...
-	zap_shadow_flush(zap);
	kvm_zap_count_yield(kvm, cond_resched_rwlock_write(&kvm->mmu_lock));
	...
 }
