// SPDX-License-Identifier: GPL-2.0-only
// A change of memslots has vCPUs leave the guest, for steal time that is cached. An
// emulated CPU drops its TLB then, which a real one need not: a missing flush is hidden.
@@
@@
 kvm_arch_memslots_updated(...)
 {
	<...
-	kvm_vcpu_kick(vcpu);
+	;
	...>
 }
