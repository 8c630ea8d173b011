// SPDX-License-Identifier: GPL-2.0-only
// When a part of a page table was searched, leaf SPTEs of other memslots are forgotten:
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
