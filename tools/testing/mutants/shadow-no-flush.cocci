// SPDX-License-Identifier: GPL-2.0-only
// Nobody tells vCPUs on other CPUs to forget the memslot's mappings.

@@
@@
 zap_shadow_flush(...)
 {
	...
	if (!list_empty(&zap->invalid_list))
		kvm_mmu_commit_zap_page(zap->kvm, &zap->invalid_list);
-	else if (zap->flush)
-		kvm_flush_remote_tlbs(zap->kvm);
	...
 }
