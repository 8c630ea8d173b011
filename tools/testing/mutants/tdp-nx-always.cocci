// SPDX-License-Identifier: GPL-2.0-only
// The NX huge page worker is flushed for although it has never had anything to do: a deletion
// that drops nothing kicks all vCPUs if one of them is in a page fault.
@@
@@
  zap_tdp_may_miss(...)
  {
- return KVM_ZAP_NX_WORKER_IS_SHARED && READ_ONCE(zap->kvm->zap->arch.nx);
+ return KVM_ZAP_NX_WORKER_IS_SHARED;
  }
