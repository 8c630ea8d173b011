// SPDX-License-Identifier: GPL-2.0-only
// Pages that mremap() has moved are not cleaned.

@@
@@
 kvm_zap_is_gone(...)
 {
	<...
-	!mt_find(&kvm->mm->mm_mt, &at, last)
+	true
	...>
 }
