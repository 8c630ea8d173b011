/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of mmu.c, where the layout of an rmap with several SPTEs is private.
 */
#ifdef CONFIG_KVM_ZAP_POLICY

/**
 * kvm_zap_rmap_take() - take SPTEs out of an rmap that has several
 * @kvm: the VM, its mmu_lock held for write
 * @rmap: the rmap
 * @sptes: receives the SPTEs' addresses, at most KVM_ZAP_RMAP_STEP
 *
 * Takes the SPTEs of the first descriptor and frees it; the other descriptors stay as
 * they are. This is kvm_zap_all_rmap_sptes() in steps, except that it does not clear the
 * SPTEs.
 *
 * Return: the number of SPTEs taken.
 */
unsigned int kvm_zap_rmap_take(struct kvm *kvm, struct kvm_rmap_head *rmap, u64 **sptes)
{
	unsigned long val = kvm_zap_rmap_begin(kvm, rmap);
	struct pte_list_desc *desc = (struct pte_list_desc *)(val & ~1ul);
	u64 *const *from = desc->sptes;
	unsigned int i, nr = desc->spte_count;

	BUILD_BUG_ON(PTE_LIST_EXT > KVM_ZAP_RMAP_STEP);

	/* Mostly two, for which memcpy() takes longer. */
	for (i = 0; i < nr; i++)
		sptes[i] = from[i];
	kvm_zap_rmap_end(kvm, rmap, desc->more ? (unsigned long)desc->more | 1 : 0);
	mmu_free_pte_list_desc(desc);
	return nr;
}

#endif /* CONFIG_KVM_ZAP_POLICY */
