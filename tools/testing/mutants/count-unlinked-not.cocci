// SPDX-License-Identifier: GPL-2.0-only
// What goes with unsynchronized page tables further below is not counted.

@@
expression a, before, now;
@@
 zap_shadow_unlink(...)
 {
	...
-	kvm_zap_count_sptes(a, before - now);
+	kvm_zap_count_sptes(a, before - before);
	...
 }
