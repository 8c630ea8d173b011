// SPDX-License-Identifier: GPL-2.0-only
// fast at teardown waits for slots_lock, whose holder may be waiting for it: the
// process never exits.

@@
@@
 kvm_zap_teardown_fast(...)
 {
-	if (!mutex_trylock(&kvm->slots_lock))
-		return false;
+	mutex_lock(&kvm->slots_lock);
	...
 }
