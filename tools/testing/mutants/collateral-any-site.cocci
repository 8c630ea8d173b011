// SPDX-License-Identifier: GPL-2.0-only
// What goes with a VM is counted as if a memslot had taken it along.

@@
@@
 kvm_zap_collateral(...)
 {
	...
-	if (zap->site != KVM_ZAP_SITE_MEMSLOT)
-		return 0;
	...
 }
