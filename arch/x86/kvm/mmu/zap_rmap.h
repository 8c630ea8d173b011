/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of mmu.c, which keeps to itself what an rmap with several SPTEs is.
 */
#ifdef CONFIG_KVM_ZAP_POLICY

/* The first SPTE that an rmap knows, NULL if it is empty. mmu_lock is held for write. */
u64 *kvm_zap_rmap_first(struct kvm_rmap_head *rmap)
{
	struct rmap_iterator iter;

	return rmap_get_first(rmap, &iter);
}

/* Take @spte, which is not present any more, out of the rmap that knows it and others. */
void kvm_zap_rmap_remove(struct kvm *kvm, struct kvm_rmap_head *rmap, u64 *spte)
{
	kvm_zap_pte_list_remove(kvm, spte, rmap);
}

#endif /* CONFIG_KVM_ZAP_POLICY */
