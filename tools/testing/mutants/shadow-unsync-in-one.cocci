// SPDX-License-Identifier: GPL-2.0-only
// Entries of a page table that is unlinked, and what they lead to, are left to KVM, which drops
// all unsynchronized page tables below in one go: a guest decides for how long nobody else gets
// mmu_lock or the CPU.
@@
expression E;
@@
  zap_shadow_one_child(...)
  {
  <...
- mmu_page_zap_pte(E, sp, &sp->spt[i], NULL);
+ return true;
  ...>
  }
