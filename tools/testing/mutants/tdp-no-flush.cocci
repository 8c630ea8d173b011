// SPDX-License-Identifier: GPL-2.0-only
// Nobody tells vCPUs on other CPUs to forget the memslot's mappings.

@@
@@
 zap_tdp_flush(...)
 {
-	if (zap->flush)
-		kvm_flush_remote_tlbs_range(zap->kvm, zap->slot->base_gfn,
-					    zap->slot->npages);
	zap->flush = false;
 }
