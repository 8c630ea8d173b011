// SPDX-License-Identifier: GPL-2.0-only
// An invalidation goes on by the policy of another task's, and is counted there.

@@
@@
 kvm_zap_mine(...)
 {
	<...
-	if (zap->task == current)
	{
		return zap;
	}
	...>
 }
