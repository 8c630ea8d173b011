// SPDX-License-Identifier: GPL-2.0-only
// Registers were set once, and no memslot goes by scoped any more.

@@
@@
 kvm_zap_note_fast(...)
 {
	...
-	WRITE_ONCE(kvm->zap.sregs, false);
	...
 }
