// SPDX-License-Identifier: GPL-2.0-only
// A memslot is created, changed, moved or deleted: how long that takes as a whole.
@@
@@
  kvm_set_memslot(struct kvm *kvm, struct kvm_memory_slot *old,
		  struct kvm_memory_slot *new, enum kvm_mr_change change)
  {
  ...
+ kvm_zap_update_begin(kvm, old, new, change);
  mutex_lock(&kvm->slots_arch_lock);
  ...
  kvm_commit_memory_region(kvm, old, new, change);
+ kvm_zap_update_end(kvm);
  ...
  }
