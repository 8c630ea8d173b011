// SPDX-License-Identifier: GPL-2.0-only
// KVM goes on translating by guest page tables in a memslot that is gone.

@@
@@
 zap_shadow_gptes(...)
 {
	<...
-	if (!kvm->arch.indirect_shadow_pages)
+	if (kvm->arch.indirect_shadow_pages)
		return;
	...>
 }
