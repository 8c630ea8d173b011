// SPDX-License-Identifier: GPL-2.0-only
// Registers that KVM_RUN itself is about to set do not count: it goes on with stale
// shadow pages.

@@
@@
 kvm_zap_before_run(...)
 {
	...
-	if (READ_ONCE(vcpu->run->kvm_dirty_regs) & KVM_SYNC_X86_SREGS)
+	if (false)
		kvm_zap_note_sregs(kvm);
	...
 }
