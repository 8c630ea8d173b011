// SPDX-License-Identifier: GPL-2.0-only
// Memory that went is in the reach of vCPUs that run.

@@
@@
 kvm_zap_bulk_range(...)
 {
	...
-	kvm_flush_remote_tlbs(kvm);
	...
 }
