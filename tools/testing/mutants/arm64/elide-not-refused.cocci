// SPDX-License-Identifier: GPL-2.0-only
// A word that does nothing is taken.

@@
@@
 kvm_arch_zap_refuse(...)
 {
	<...
-	-EOPNOTSUPP
+	0
	...>
 }
