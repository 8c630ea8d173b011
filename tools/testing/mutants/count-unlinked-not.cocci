// SPDX-License-Identifier: GPL-2.0-only
// What goes with unsynchronized page tables further below is not counted.

@@
expression a, b;
@@
 zap_shadow_unlink(...)
 {
	...
-	kvm_zap_count_sptes(a, b);
	...
 }
