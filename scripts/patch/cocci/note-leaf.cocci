// SPDX-License-Identifier: GPL-2.0-only
// The shadow MMU has a leaf SPTE more: the one place that adds to an rmap.
@@
@@
  __rmap_add(...)
  {
  <...
  kvm_update_page_stats(kvm, sp->role.level, 1);
+ kvm_zap_note_leaf(sp, spte_index(spte));
  ...>
  }
