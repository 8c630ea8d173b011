// SPDX-License-Identifier: GPL-2.0-only
// KVM goes on translating by guest page tables in a memslot that is gone.

@@
@@
 zap_shadow_may_have_gptes(...)
 {
	<...
-	READ_ONCE(zap->kvm->arch.indirect_shadow_pages)
+	false
	...>
 }
