/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page fault, a part of proctype vcpu: piece gfn, for reading or to write. It goes
 * to "outside" when it is over or has to be retried. A read maps the page without the
 * right to write to it, as while dirty logging is enabled: so that the fast page fault
 * has something to do.
 */

	/* step: direct_page_fault: the memslot has been looked up before all else. */

	/* step: fast_page_fault */
	if
	:: write && FAST_PAGE_FAULT(gfn) ->
		/*
		 * step: walk_shadow_page_lockless_begin
		 * step: kvm_tdp_mmu_fast_pf_get_last_sptep
		 * step: fast_pf_get_last_sptep
		 */
#ifdef SHADOW
#ifndef NO_READING_MODE
		mode[me] = READING;
#endif
		t = root[gfn];
#else
		d_step { rcu_read_lock(me); t = root[gfn] };
#endif
		if
		:: t -> d_step { use(t); s = spte[t] }
		:: else
		fi;
		/*
		 * step: fast_pf_fix_direct_spte: an exchange, if it is as it was.
		 * step: walk_shadow_page_lockless_end
		 */
		atomic {
			if
			:: is_present(s) && !(s & WRITABLE) ->
				use(t);
				if
				:: spte[t] == s || FAST_PF_IS_PLAIN ->
					spte[t] = s | WRITABLE;
					new = 1
				:: else
				fi
			:: else
			fi;
			t = 0;
			s = 0;
#ifdef SHADOW
			leave_mode(me);
#else
			rcu_read_unlock(me);
#endif
			if
			:: new -> goto outside
			:: else
			fi
		}
	:: else
	fi;

	/* step: kvm_faultin_pfn: what changes with notifiers first, then the page. */
	atomic {
		seq = mmu_seq;
		if
		:: seen == INVALID -> goto outside
		:: seen == GONE -> goto outside		/* MMIO, see mmio.pml */
		:: else -> seen = 0
		fi
	};
	/* From the host's page tables, which may change at once. */
	pfn = (gfn == 0 -> host_page : 1);

	/*
	 * step: is_page_fault_stale: who changes what it reads holds mmu_lock for write.
	 * step: kvm_tdp_mmu_map
	 * step: FNAME(page_fault)
	 */
	atomic {
#ifdef SHADOW
		write_lock();
#else
		read_lock();
#endif
#ifndef NO_STALE_CHECK
		if
		:: mn_in_progress || seq != mmu_seq -> goto unlock
		:: else -> seq = 0
		fi;
#endif
		new = spte_of(pfn) | (write -> WRITABLE | SETS_DIRTY : 0);
		pfn = 0;
#ifndef SHADOW
		rcu_read_lock(me);
#endif
		t = root[gfn]
	};
	/*
	 * step: tdp_mmu_link_sp: an exchange.
	 * step: account_shadowed
	 */
	if
	:: !t ->
		d_step {
			if
			:: !root[gfn] -> alloc_table(t); root[gfn] = t
			:: else
			fi
		}
	:: else
	fi;
	if
	:: t ->
		d_step {
			use(t);
			s = spte[t];
			/* What others have allowed meanwhile stays so. */
			new = new | (pfn_of(s) == pfn_of(new) -> s & (WRITABLE | DIRTY) : 0)
		};
#ifdef SHADOW
		/* step: mmu_set_spte: if another page was mapped, TLBs are flushed. */
		if
		:: is_present(s) && pfn_of(s) != pfn_of(new) -> spte[t] = 0; flush_remote_tlbs()
		:: else
		fi;
		spte[t] = new
#else
		/*
		 * step: tdp_mmu_map_handle_target_level
		 * step: tdp_mmu_set_spte_atomic: an exchange, if it is as it was.
		 */
		d_step {
			use(t);
			if
			:: spte[t] == s && s != FROZEN -> spte[t] = new
			:: else
			fi
		}
#endif
	:: else
	fi;
unlock:
	atomic {
#ifdef SHADOW
		write_unlock();
#else
		rcu_read_unlock(me);
		read_unlock();
#endif
		goto outside
	}
