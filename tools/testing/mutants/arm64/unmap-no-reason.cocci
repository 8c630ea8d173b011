// SPDX-License-Identifier: GPL-2.0-only
// The tracepoint does not say why memory is unmapped.

@@
@@
 kvm_zap_tables(...)
 {
	<...
-	pte_val(range->pte)
+	KVM_ZAP_REASON_NONE
	...>
 }
