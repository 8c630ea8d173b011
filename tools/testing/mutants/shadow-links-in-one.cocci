// SPDX-License-Identifier: GPL-2.0-only
// A nested guest's page table that has several parents is left to KVM, which drops all below
// it in one go if the one that is unlinked is each of them.
@@
expression E;
@@
  zap_shadow_one_child(...)
  {
  <...
- mmu_page_zap_pte(E, sp, &sp->spt[i], NULL);
+ if (!child->role.guest_mode)
+	mmu_page_zap_pte(E, sp, &sp->spt[i], NULL);
  ...>
  }
