// SPDX-License-Identifier: GPL-2.0-only
// What a page fault takes after its window is put on the next one.

@@
@@
 kvm_zap_stall_open(...)
 {
	<...
-	kvm_zap_stall_take(vcpu, now);
+	;
	...>
 }
