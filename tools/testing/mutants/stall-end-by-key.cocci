// SPDX-License-Identifier: GPL-2.0-only
// Switched off during a page fault, a vCPU seems to be in it until its next one.

@@
@@
 kvm_zap_time_end(...)
 {
-	if (unlikely(vcpu->zap.stall_ns < 0))
+	if (static_branch_unlikely(&kvm_zap_stall_key) && vcpu->zap.stall_ns < 0)
		kvm_zap_stall_end(vcpu);
 }
