/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of mmu.c, which keeps to itself what an rmap with several SPTEs is.
 */
#ifdef CONFIG_KVM_ZAP_POLICY

/**
 * kvm_zap_rmap_take() - take SPTEs out of an rmap that has several
 * @kvm: the VM, its mmu_lock held for write
 * @rmap: the rmap
 * @sptes: where to put them, KVM_ZAP_RMAP_STEP at most
 *
 * Takes those of the first descriptor, which is freed; the ones behind it are as they
 * were. Does kvm_zap_all_rmap_sptes()'s work in steps, but for clearing the SPTEs.
 *
 * Return: how many SPTEs that are.
 */
unsigned int kvm_zap_rmap_take(struct kvm *kvm, struct kvm_rmap_head *rmap, u64 **sptes)
{
	unsigned long val = kvm_zap_rmap_begin(kvm, rmap);
	struct pte_list_desc *desc = (struct pte_list_desc *)(val & ~1ul);
	u64 *const *from = desc->sptes;
	unsigned int i, nr = desc->spte_count;

	BUILD_BUG_ON(PTE_LIST_EXT > KVM_ZAP_RMAP_STEP);

	/* Two mostly: a call of memcpy() takes longer. */
	for (i = 0; i < nr; i++)
		sptes[i] = from[i];
	kvm_zap_rmap_end(kvm, rmap, desc->more ? (unsigned long)desc->more | 1 : 0);
	mmu_free_pte_list_desc(desc);
	return nr;
}

#endif /* CONFIG_KVM_ZAP_POLICY */
