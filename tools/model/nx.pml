/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker that recovers huge pages from NX ones takes one page table away, whichever.
 * In the shadow MMU it stands for all who do so with mmu_lock held for write: KVM
 * reclaims the oldest, or the guest writes to a page table that is shadowed.
 */
proctype nx_worker()
{
	bit g;
	byte t, e;

	/*
	 * step: kvm_recover_nx_lpages
	 * step: kvm_recover_nx_huge_pages
	 * A page table that is on its list.
	 */
	atomic {
		srcu_read_lock(NX);
#ifdef NX_SHARED
		read_lock();
#else
		write_lock();
#endif
		rcu_read_lock(NX);
		if
		:: root[0] -> g = 0
		:: root[1] -> g = 1
		:: !root[0] && !root[1] -> goto unlock
		fi;
		t = root[g]
	};
#ifdef NX_SHARED
	/* step: kvm_tdp_mmu_zap_possible_nx_huge_page: looks, then exchanges. */
	d_step { use(t); e = root[g] };
	atomic {
		use(t);
		if
		:: e == t && root[g] == t -> root[g] = 0
		:: else -> goto unlock
		fi
	};
#endif
#ifdef SHADOW
	/*
	 * step: __kvm_mmu_prepare_zap_page
	 * step: unaccount_shadowed: KVM looks the memslot up.
	 */
	d_step {
		use(t);
		root[g] = 0;
		if
		:: g == 1 && slot == GONE -> assert(memslot_gone_before_shadow_page)
		:: else
		fi;
		e = spte[t];
		spte[t] = 0;
		tell(e)
	};
	/* step: kvm_mmu_commit_zap_page: flushes, which waits for lockless walks, and frees. */
	flush_remote_tlbs();
	d_step { use(t); free_table(t) };
#else
	/*
	 * step: kvm_tdp_mmu_zap_sp
	 * step: handle_removed_pt: an exchange for each SPTE, and call_rcu() before the flush.
	 */
#ifndef NX_SHARED
	root[g] = 0;
#endif
	d_step { use(t); e = spte[t]; spte[t] = FROZEN; tell(e) };
	call_rcu(t);
	flush_remote_tlbs();
#endif
unlock:
	atomic {
		t = 0;
		e = 0;
		g = 0;
		rcu_read_unlock(NX);
#ifdef NX_SHARED
		read_unlock();
#else
		write_unlock();
#endif
		srcu_read_unlock(NX)
	}
}
