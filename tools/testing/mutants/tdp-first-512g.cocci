// SPDX-License-Identifier: GPL-2.0-only
// What a root maps is taken for what one entry of it does: a memslot above 512 GiB
// goes, and the guest goes on using its memory.
@@
expression root;
@@
- KVM_PAGES_PER_HPAGE(root->role.level + 1)
+ KVM_PAGES_PER_HPAGE(root->role.level)
