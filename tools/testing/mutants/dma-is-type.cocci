// SPDX-License-Identifier: GPL-2.0-only
// A VM that keeps fast for its device is said to do so for its type.

@@
@@
 kvm_arch_zap_demand(...)
 {
	...
-	*by = KVM_ZAP_BY_DMA;
	...
 }
