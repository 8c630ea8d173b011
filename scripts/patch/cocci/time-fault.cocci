// SPDX-License-Identifier: GPL-2.0-only
// A page fault of a vCPU: how long it takes.  Not what KVM does once it knows that the
// access is to be emulated, nor what it maps ahead, for which no vCPU stands still.
@@
@@
  kvm_mmu_page_fault(...)
  {
  <...
- kvm_mmu_do_page_fault
+ kvm_zap_do_page_fault
  (...)
  ...>
  }
