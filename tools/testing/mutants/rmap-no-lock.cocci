// SPDX-License-Identifier: GPL-2.0-only
// An rmap is emptied without its lock: aging, which holds no other lock, has a bit of it
// set, and puts the old value back.

@@
@@
 zap_shadow_only(...)
 {
	...
-	kvm_zap_rmap_begin(zap->kvm, rmap)
+	kvm_zap_rmap_val(rmap)
	...
-	kvm_zap_rmap_end(zap->kvm, rmap, 0);
+	atomic_long_set(&rmap->val, 0);
	...
 }
