// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy elide: bulk, without cleaning the cache lines of pages that die with their mappings.
 * Experimental: no emulator has caches, so nothing but the arguments below says that memory
 * stays coherent.
 *
 * Without FWB, a guest may write to memory past the caches, while these hold older contents.
 * Therefore KVM cleans and invalidates a page's cache lines when it takes the page from the
 * guest: whoever reads the page next, from the process to the swap device, reads by way of the
 * caches.  This is in vain if nobody will.  So two questions have to be answered.
 *
 * 1. Can anybody still find the page by its address?  Not if munmap(), or whatever works like
 *    it, has taken the range out of the address space.  See kvm_zap_is_gone().
 * 2. Does anybody have the page by other means?  Not if it is an anonymous page and the page table
 *    entry that is about to go has the only reference.  See kvm_zap_is_dying().
 *
 * Then nobody reads what the page contains, except in a race with the process's own munmap(), see
 * kvm_zap_is_dying(), and the page is freed when the host clears its page table entry.  Its next
 * owner sees none of it, nor any harm from lines that are left in a cache:
 *
 * - The kernel and processes use memory by way of the caches.  They write to a page before they
 *   read it, and hit the lines that are left, be these clean or dirty.  Lines that are older
 *   than the guest's mapping do not exist: KVM cleaned and invalidated the page before it
 *   mapped it.  So even a reader of a page that was not cleared reads what was this process's.
 * - A guest gets the page from KVM, which cleans and invalidates it first, because there is no
 *   FWB.
 * - A device that does not snoop gets it from the DMA API, which cleans it.  This is nothing
 *   new: that the allocator clears a page leaves dirty lines as well.
 *
 * Anything that is not known is cleaned.
 */
#include <linux/kvm_host.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>

#include "zap.h"

/**
 * kvm_zap_is_gone() - tell whether a range has been taken out of the address space
 * @kvm: the VM, its mmu_lock held for write
 * @range: the range that an MMU notifier unmaps
 *
 * The host sends the event MMU_NOTIFY_UNMAP on these occasions:
 *
 * - munmap(), brk(), shmdt(), and mremap() to a smaller size have taken the VMAs out of the
 *   tree before; an mmap() that fails has not put them in.
 *   The caller of the MMU notifier has held mmap_lock since, at first for write, perhaps only
 *   for read by now.  Page faults of newer kernels hold the VMA's own lock instead, and were
 *   waited for before it was taken out.  So everybody who has looked up a VMA of the range is
 *   done with it, and nobody can put a VMA there until the range has been unmapped.
 * - mmap() over what was mapped does the same on older kernels.  On newer ones, it has left the
 *   VMAs in the tree.
 * - mremap() to another place and those who reap a process that is killed hold mmap_lock as well,
 *   and have left the VMAs in the tree.
 * - On older kernels, a hole in a file of hugetlbfs, its truncation, and a copy on write that
 *   takes a page from another process, hold the file's lock, but not mmap_lock.  Whether there
 *   is a VMA then may be out of date at once, and does not matter: there are only huge pages
 *   of hugetlbfs in the range, which kvm_zap_is_dying() tells apart.  They keep the range from
 *   getting anything else, because munmap() has to wait for the file's lock.
 *
 * The tree is read under RCU, and what it has is only compared to NULL.
 *
 * Return: whether no VMA is there, nor can be one before the range has been unmapped.
 */
bool kvm_zap_is_gone(struct kvm *kvm, const struct kvm_gfn_range *range)
{
	unsigned long at = __gfn_to_hva_memslot(range->slot, range->start);
	unsigned long last = at + ((range->end - range->start) << PAGE_SHIFT) - 1;

	/* Readers need no mmap_lock. */
	static_assert(MM_MT_FLAGS & MT_FLAGS_USE_RCU);
	lockdep_assert_held_write(&kvm->mmu_lock);

	return kvm_zap_range_reason(range) == KVM_ZAP_REASON_UNMAP &&
	       !mt_find(&kvm->mm->mm_mt, &at, last);
}

/**
 * kvm_zap_is_dying() - tell whether a page is freed when the host unmaps it
 * @phys: what a leaf of stage 2 mapped as cacheable, in a range that kvm_zap_is_gone()
 * @size: the size of the leaf
 *
 * mmu_lock is held for write.  The host's page table maps the page, as it maps everything that
 * stage 2 maps, until the MMU notifier that is running returns: other MMU notifiers have to wait
 * for mmu_lock before the host may unmap it.  So the page is not freed meanwhile, and one of its
 * references is that of the host's page table entry.  There is a struct page, because KVM maps only
 * what is in the linear map as cacheable, see kvm_is_device_pfn(): this is where it would clean
 * the page.
 *
 * If that reference is the only one, there are none of
 *
 * - another process, after fork(), or of another mapping in this one,
 * - the page cache, for files, shmem and memfd, and the swap cache,
 * - pins (FOLL_PIN) and others that were got by get_user_pages() or from a pipe,
 * - reclaim, migration, compaction, or KSM while it compares.
 *
 * This is how do_wp_page() finds that a page may be written to without a copy.
 *
 * Left are pages of which the mapping has no reference, such as the zero page, pages of
 * hugetlbfs, which go back to a pool, and KSM's: ksmd may map one that it has in its stable
 * tree into another process, without a look at this one.
 *
 * A huge page has a reference for each page table entry that maps it or a part of it.  If it has
 * one, it is mapped as a whole; had munmap() to leave a part of it, the host would have split
 * the mapping before.  A leaf that maps a part of a huge page is not looked into.
 *
 * Somebody may still get a reference after the check:
 *
 * - Compaction, migration and reclaim find pages by themselves.  They do not keep what is in the
 *   page for anybody else but this range, where nobody can look any more.
 * - The process itself, in a thread that uses memory while another one unmaps it: the host's page
 *   table entry is still there, and then its TLB entries.  Loads, copy_from_user(),
 *   get_user_pages_fast(), and devices that use the process's page table, may read what the page
 *   contained before the guest wrote past the caches: what was this process's, or zeroes.  Without
 *   elide, they read this only until the page is cleaned.
 */
bool kvm_zap_is_dying(phys_addr_t phys, u64 size)
{
	struct folio *folio = page_folio(pfn_to_page(PHYS_PFN(phys)));

	return folio_ref_count(folio) == 1 && folio_test_anon(folio) && !folio_test_ksm(folio) &&
	       !folio_test_hugetlb(folio) && folio_size(folio) == size;
}
