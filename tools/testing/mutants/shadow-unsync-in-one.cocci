// SPDX-License-Identifier: GPL-2.0-only
// Unsynchronized page tables below one that is unlinked are left to KVM, which drops all of
// them in one go: a guest decides for how long nobody else gets mmu_lock or the CPU.
@@
@@
  zap_shadow_unsync(...)
  {
  <...
- sp->unsync_children
+ false
  ...>
  }
