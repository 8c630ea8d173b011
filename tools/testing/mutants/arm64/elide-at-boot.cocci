// SPDX-License-Identifier: GPL-2.0-only
// A word that does nothing is taken from the kernel's command line, and counted.

@@
@@
 kvm_zap_stage2_begin(...)
 {
	...
-	kvm_zap_no_elide(kvm, &zap->record);
	...
 }
