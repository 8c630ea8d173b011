// SPDX-License-Identifier: GPL-2.0-only
// Nobody tells vCPUs on other CPUs to forget the memslot's mappings.

@@
@@
 zap_tdp_flush(...)
 {
	...
-	if (flush)
-		kvm_flush_remote_tlbs_range(...);
	...
 }
