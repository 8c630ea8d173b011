// SPDX-License-Identifier: GPL-2.0-only
// The tracepoint does not say which memslot went.

@@
@@
 kvm_zap_publish(...)
 {
	...
+	zap->slot = NULL;
	trace_kvm_zap(kvm->zap->tgid, zap, ns);
	...
 }
