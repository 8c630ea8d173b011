// SPDX-License-Identifier: GPL-2.0-only
// A page table of the shadow MMU is unlinked: its children are looked for, unless an
// engine knows that there is none.
@@
@@
  kvm_mmu_page_unlink_children(...)
  {
  <...
- i = 0
+ i = kvm_zap_first_child(sp)
  ...>
  }
