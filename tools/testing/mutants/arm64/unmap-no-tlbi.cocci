// SPDX-License-Identifier: GPL-2.0-only
// Memory that the host has unmapped stays in the TLBs of vCPUs that run.

@@
@@
 kvm_zap_bulk_range(...)
 {
	...
+	if (zap->site != KVM_ZAP_SITE_UNMAP)
	zap_invalidate(&bulk, kvm, addr, size);
	...
 }
