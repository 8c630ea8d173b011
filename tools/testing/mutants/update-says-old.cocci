// SPDX-License-Identifier: GPL-2.0-only
// Whoever replays a move leaves the memslot where it was.

@@
@@
 kvm_zap_update_begin(...)
 {
-	const struct kvm_memory_slot *slot = new ? new : old;
+	const struct kvm_memory_slot *slot = old ? old : new;
	...
 }
