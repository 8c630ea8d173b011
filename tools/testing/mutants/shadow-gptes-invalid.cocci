// SPDX-License-Identifier: GPL-2.0-only
// A root that is gone, but loaded by a vCPU still, is unlinked again: a list of the
// host's is corrupted.

@@
@@
 zap_shadow_gfn(...)
 {
	<...
-	!sp->role.invalid
+	true
	...>
 }
