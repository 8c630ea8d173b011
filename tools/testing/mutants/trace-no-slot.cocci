// SPDX-License-Identifier: GPL-2.0-only
// The tracepoint does not say which memslot went.

@@
@@
 kvm_zap_end(...)
 {
	...
+	zap->slot = NULL;
	trace_kvm_zap(zap, ns);
	...
 }
