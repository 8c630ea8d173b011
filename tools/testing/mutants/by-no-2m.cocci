// SPDX-License-Identifier: GPL-2.0-only
// Leaf SPTEs that fast drops are counted only if they map 4K pages.

@@
@@
 kvm_zap_nr_leafs(...)
 {
	...
-	for (i = 0; i < KVM_NR_PAGE_SIZES; i++)
+	for (i = 0; i < 1; i++)
		nr += atomic64_read(&kvm->stat.pages[i]);
	...
 }
