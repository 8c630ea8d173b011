// SPDX-License-Identifier: GPL-2.0-only
// The tracepoint does not say why memory is unmapped.

@@
@@
 kvm_zap_tables(...)
 {
	<...
-	kvm_zap_range_reason(range)
+	KVM_ZAP_REASON_NONE
	...>
 }
