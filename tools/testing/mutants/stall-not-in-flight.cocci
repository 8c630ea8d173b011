// SPDX-License-Identifier: GPL-2.0-only
// A vCPU that waits for so long that the window has closed seems not to wait at all.

@@
identifier ns, now;
@@
 kvm_zap_stall_take(struct kvm_vcpu *vcpu, u64 now)
 {
	...
-	if (ns < 0)
-		ns += now;
	...
 }
