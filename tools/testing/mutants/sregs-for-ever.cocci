// SPDX-License-Identifier: GPL-2.0-only
// Registers were set once, and no memslot goes by scoped any more.

@@
@@
 kvm_zap_refresh_end(...)
 {
	...
-	smp_store_release(&kvm->zap->arch.refreshed, kvm->zap->arch.refreshing);
	...
 }
