// SPDX-License-Identifier: GPL-2.0-only
// Page tables in place of a large page stay on the NX huge page worker's list when
// the memslot goes: the worker will not find it.
@@
expression sp;
@@
  zap_shadow_belongs(...)
  {
  <...
- kvm_zap_is_nx_split(sp)
+ false
  ...>
  }
