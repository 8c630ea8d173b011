// SPDX-License-Identifier: GPL-2.0-only
// Why an MMU notifier unmaps a range: 0, as it was, where nobody wants to know.
@@
identifier hva_range;
@@
  kvm_mmu_notifier_invalidate_range_start(struct mmu_notifier *mn,
					  const struct mmu_notifier_range *range)
  {
  <...
  const struct kvm_mmu_notifier_range hva_range = {
+ .arg.attributes = kvm_zap_reason(range),
  .handler = kvm_mmu_unmap_gfn_range,
  };
  ...>
  }
