// SPDX-License-Identifier: GPL-2.0-only
// That a VMM sets registers is not noted: a memslot goes by scoped afterwards, and the
// guest goes on with stale shadow pages.

@@
@@
 kvm_zap_note_sregs(...)
 {
	<...
-	atomic_inc(&kvm->zap->arch.sregs);
+	atomic_add(0, &kvm->zap->arch.sregs);
	...>
 }
