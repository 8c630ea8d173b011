// SPDX-License-Identifier: GPL-2.0-only
// KVM goes on translating by guest page tables in a memslot that is gone.

@@
@@
 zap_shadow_by_gfns(...)
 {
	<...
-	if (!kvm->arch.indirect_shadow_pages && !kvm->stat.nx_lpage_splits)
+	if (kvm->arch.indirect_shadow_pages)
		return;
	...>
 }
