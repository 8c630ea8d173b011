// SPDX-License-Identifier: GPL-2.0-only
// Whoever still holds the VM that went reads that pages are mapped.

@@
@@
 zap_bulk_account(...)
 {
	...
-	kvm_update_page_stats(kvm, level, -leafs);
	...
 }
