// SPDX-License-Identifier: GPL-2.0-only
// Leafs of other memslots are forgotten when a part of a page table was looked at:
// they survive their own memslot's deletion.

@@
@@
 kvm_zap_shadow_leafs(...)
 {
	<...
-	if (!left)
+	if (chunk < BITS_PER_LONG)
	{
		__clear_bit(chunk, &sp->zap.leafs);
		...
	}
	...>
 }
