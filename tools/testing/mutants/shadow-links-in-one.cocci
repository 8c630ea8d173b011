// SPDX-License-Identifier: GPL-2.0-only
// A nested guest's page table that has several parents is left to KVM, which drops all below
// it in one go if the one that is unlinked is each of them.
@@
expression E1, E2, E3;
@@
  zap_shadow_one_child(...)
  {
  <...
- zap->cost += E1 * E2;
- mmu_page_zap_pte(E3, sp, &sp->spt[i], NULL);
- zap->flush = true;
+ return true;
  ...>
  }
