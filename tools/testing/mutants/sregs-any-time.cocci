// SPDX-License-Identifier: GPL-2.0-only
// Registers that are set before there is a shadow page count as well: the first memslot
// of each VM goes by fast.

@@
@@
 kvm_zap_note_sregs(...)
 {
-	if (!zap_sregs_may_matter(kvm))
-		return;
	...
 }
