// SPDX-License-Identifier: GPL-2.0-only
// Who decided is asked for by a second look at the words: when they are written in
// between, the event names one who did not.

@@
@@
 kvm_zap_begin(...)
 {
	...
	policy = kvm_zap_choose(...);
+	kvm_zap_choose(kvm, site, slot, &by);
	...
 }
