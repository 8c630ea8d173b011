// SPDX-License-Identifier: GPL-2.0-only
// A VM goes away by walk, whatever the word.

@@
@@
 kvm_zap_destroy(...)
 {
	...
-	if (policy == KVM_ZAP_POLICY_BULK)
+	if (false)
	{ ... }
	else
	{ ... }
	...
 }
