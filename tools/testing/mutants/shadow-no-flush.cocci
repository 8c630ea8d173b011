// SPDX-License-Identifier: GPL-2.0-only
// Nobody tells vCPUs on other CPUs to forget the memslot's mappings.

@@
@@
 zap_shadow_flush(...)
 {
	...
-	if (zap->flush || !list_empty(&zap->unlinked))
+	if (!list_empty(&zap->unlinked))
		kvm_flush_remote_tlbs(zap->kvm);
	...
 }
