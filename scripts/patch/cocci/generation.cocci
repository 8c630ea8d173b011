// SPDX-License-Identifier: GPL-2.0-only
// The memslots' generation that a VM starts with.
@@
identifier slots, i;
@@
  kvm_create_vm(...)
  {
  <...
- slots->generation = i;
+ slots->generation = kvm_zap_first_generation(i);
  ...>
  }
