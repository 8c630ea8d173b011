// SPDX-License-Identifier: GPL-2.0-only
// A worker reads the statistics of vCPUs that are freed.

@@
@@
 kvm_zap_stop(...)
 {
	...
-	cancel_delayed_work_sync(&w->work);
 }
