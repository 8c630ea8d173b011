// SPDX-License-Identifier: GPL-2.0-only
// zap/vms gives the lock of the list up while it writes a row: a VM that goes meanwhile is
// followed to nowhere.

@@
@@
 kvm_zap_vms_show(...)
 {
	<...
+	mutex_unlock(&kvm_lock);
 	kvm_zap_show_policy(m, kvm);
	...
 	for (...; ...; ...)
 		seq_printf(...);
+	mutex_lock(&kvm_lock);
	...>
 }
