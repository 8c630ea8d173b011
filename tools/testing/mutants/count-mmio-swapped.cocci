// SPDX-License-Identifier: GPL-2.0-only
// Wraps of the MMIO generation are counted under the policy that did not run.

@@
@@
 kvm_zap_count_vm(...)
 {
	<...
-	++*(scoped ? &stat->mmio_zap_scoped : &stat->mmio_zap_fast);
+	++*(scoped ? &stat->mmio_zap_fast : &stat->mmio_zap_scoped);
	...>
 }
