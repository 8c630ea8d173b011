// SPDX-License-Identifier: GPL-2.0-only
// That a VMM sets registers is not noted: a memslot goes by scoped afterwards, and the
// guest goes on with stale shadow pages.

@@
@@
 kvm_zap_note_sregs(...)
 {
	<...
-	WRITE_ONCE(kvm->zap.sregs, true);
+	WRITE_ONCE(kvm->zap.sregs, false);
	...>
 }
