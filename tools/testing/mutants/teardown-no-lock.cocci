// SPDX-License-Identifier: GPL-2.0-only
// fast at teardown does without slots_lock: nx_huge_pages, being written, undoes it.

@@
@@
 kvm_zap_teardown_fast(...)
 {
-	if (!mutex_trylock(&kvm->slots_lock))
-		return false;
	...
-	mutex_unlock(&kvm->slots_lock);
	return true;
 }
