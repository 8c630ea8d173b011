// SPDX-License-Identifier: GPL-2.0-only
// Caches are cleaned where the CPU needs no such thing.

@@
@@
 zap_needs_cmo(...)
 {
-	return !cpus_have_const_cap(ARM64_HAS_STAGE2_FWB) || (pgt->flags & KVM_PGTABLE_S2_NOFWB);
+	return true;
 }
