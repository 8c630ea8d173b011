// SPDX-License-Identifier: GPL-2.0-only
// The operator is sent to a thread that no process is named after.

@@
@@
 kvm_zap_alloc_vm(...)
 {
	...
-	kvm->zap->tgid = task_tgid_nr(current);
+	kvm->zap->tgid = task_pid_nr(current);
	...
 }
