// SPDX-License-Identifier: GPL-2.0-only
// Shadow pages of guest page tables are unlinked and never freed.

@@
@@
 zap_shadow_flush(...)
 {
	<...
-	kvm_mmu_commit_zap_page(zap->kvm, &zap->invalid_list);
+	INIT_LIST_HEAD(&zap->invalid_list);
	...>
 }
