/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policy scoped in the shadow MMU, a part of proctype update: zap_scoped_shadow.c and
 * zap_shadow_drop.c. The page table of piece 1, which shadows a guest page table, goes
 * first, then the SPTE of piece 0, and its page table if that is empty then.
 */

	/*
	 * step: kvm_zap_scoped_shadow
	 * step: zap_shadow_gfn: the page table is found by the hash.
	 */
	atomic { write_lock(); e = root[1] };
#ifdef KEEPS_GUEST_PAGE_TABLES
	e = 0;
#endif
	if
	:: e ->
		/* step: kvm_zap_shadow_own: its leafs first. */
		d_step {
			use(e);
			s = spte[e];
			spte[e] = 0;
			flush = is_present(s) != 0;
			tell(s)
		};
		if
		:: true ->
			shadow_break();
#ifndef NO_RESTART_AFTER_BREAK
			e = root[1]
#endif
		:: true
		fi;
		/*
		 * step: kvm_zap_unlink_empty
		 * step: kvm_mmu_prepare_zap_page
		 */
		if
		:: e -> d_step { use(e); root[1] = 0; note(e) }
		:: else
		fi
	:: else
	fi;

	/* step: kvm_zap_shadow_rmap: found by the rmap of the page. */
	e = root[0];
	if
	:: e && is_present(spte[e]) ->
		/* step: zap_shadow_only: an exchange, for a fast page fault may change it. */
		d_step { use(e); s = spte[e] };
		d_step {
			use(e);
#ifndef LEAF_WRITTEN_PLAINLY
			s = spte[e];
#endif
			spte[e] = 0;
			tell(s);
			thinned = e;
			flush = true
		};
		if
		:: true -> shadow_break()
		:: true
		fi
	:: else
	fi;

	/* step: kvm_zap_shadow_finish */
	settle();
#ifdef FLUSH_AFTER_UNLOCK
	write_unlock();
	shadow_flush();
	write_lock();
#else
	shadow_flush();
#endif
	/* step: kvm_zap_free_tables: with lock breaks. */
	if
	:: true -> write_unlock(); write_lock()
	:: true
	fi;
	free_flushed(1);
	free_flushed(2);
	write_unlock();
