// SPDX-License-Identifier: GPL-2.0-only
// A VM that goes while slots_lock is taken keeps its mappings.

@@
@@
 kvm_zap_teardown_fast(...)
 {
	if (!mutex_trylock(&kvm->slots_lock))
-		return false;
+		return true;
	...
 }
