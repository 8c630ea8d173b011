/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policy scoped in the TDP MMU, a part of proctype update: zap_scoped_tdp.c. The entry
 * of piece 0 goes with its page table, of piece 1 the SPTE alone. The walk reads what it
 * comes to, then looks whether to make way; after that it reads again, from the root on.
 */

	/*
	 * step: kvm_zap_scoped_tdp
	 * step: zap_tdp_root
	 * step: zap_tdp_walk
	 */
	atomic { read_lock(); rcu_read_lock(UPDATE); e = root[0] };
	if
	:: true -> walk_break(); e = root[0]
	:: true
	fi;
	/* step: zap_tdp_entry: an exchange, tried again if the entry has changed. */
	if
	:: e ->
		d_step {
#ifndef ENTRY_WRITTEN_PLAINLY
			e = root[0];
#endif
			root[0] = 0;
			if
			:: e -> flush = true; note(e)
			:: else
			fi
		}
	:: else
	fi;
	if
	:: e -> zap_table()
	:: else
	fi;

	e = root[1];
	if
	:: e -> d_step { use(e); s = spte[e] }
	:: else
	fi;
	if
	:: true ->
		walk_break();
#ifndef NO_RESTART_AFTER_BREAK
		e = root[1]
#endif
	:: true
	fi;
	/* step: zap_tdp_entry: a fast page fault or the CPU may have changed it. */
	if
	:: e ->
		d_step {
			use(e);
#ifndef LEAF_WRITTEN_PLAINLY
			s = spte[e];
#endif
			spte[e] = (is_present(s) -> 0 : spte[e]);
			if
			:: is_present(s) -> flush = true; TELL_NOW(s)
			:: else
			fi
		}
	:: else
	fi;

	d_step { e = 0; s = 0; rcu_read_unlock(UPDATE) };
#ifdef FLUSH_AFTER_UNLOCK
	read_unlock();
#endif
	/* step: zap_tdp_flush */
	if
	:: flush -> flush_for_zap(); flushed = true
	:: else
	fi;
	flush = false;
#ifndef FLUSH_AFTER_UNLOCK
	read_unlock();
#endif

#if defined(NX_SHARED) && !defined(NX_NO_FLUSH_SEEN)
	/* step: zap_tdp_may_miss: the worker has page tables of this VM to remove. */
	/* step: zap_tdp_flush_for_others: write_trylock(), which is one exchange. */
	if
	:: !flushed && (mmu_readers || mmu_writer) -> flush_for_zap()
	:: flushed || (!mmu_readers && !mmu_writer)
	fi;
#endif
	/* step: zap_tdp_free */
	free_unlinked(1);
	free_unlinked(2);
