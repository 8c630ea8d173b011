// SPDX-License-Identifier: GPL-2.0-only
// The VM's file does not wait for who reads it when the VM goes: memory of somebody else's
// is read, and written to.

@@
@@
 kvm_zap_create_vm_debugfs(...)
 {
-	debugfs_create_file
+	debugfs_create_file_unsafe
	 (...);
 }
