/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What scoped_tdp.pml does in several places.
 */

/* 6.1 and 6.12 tell a page while mmu_lock is held: see tell(). */
#ifdef TELL_LATE
#define TELL_NOW(s)	skip
#else
#define TELL_NOW(s)	tell(s)
#endif

/*
 * step: kvm_zap_tdp_wants_break
 * step: kvm_zap_tdp_break
 */
inline walk_break()
{
#ifndef NO_FLUSH_AT_BREAK
	/* step: zap_tdp_flush */
	if
	:: flush -> flush_for_zap()
	:: else
	fi;
#endif
	d_step { flush = false; rcu_read_unlock(UPDATE); read_unlock() };
	d_step { read_lock(); rcu_read_lock(UPDATE) }
}

/*
 * step: zap_tdp_table
 * step: kvm_zap_leafs_to_pages
 * The SPTE in page table e, that was unlinked. One that says that the page was written
 * to is read and left as it is, another one is exchanged.
 */
inline zap_table()
{
	d_step { use(e); s = spte[e] };
#ifdef TELLS
#ifdef PLAIN_WRITE_FOR_EXCHANGE
	spte[e] = FROZEN;
#else
	if
	:: is_present(s) && !(s & DIRTY) -> d_step { use(e); s = spte[e]; spte[e] = FROZEN }
	:: else
	fi;
#endif
#endif
#ifdef FREE_BEFORE_FLUSH
	call_rcu(e);
	unlinked = 0;
#endif
	TELL_NOW(s)
}

/* step: zap_tdp_free */
inline free_unlinked(t)
{
	if
	:: unlinked & BIT(t) ->
#ifdef TELL_LATE
		tell(spte[t]);
#endif
#ifdef FREE_WITHOUT_RCU
		d_step { use(t); free_table(t) }
#else
		call_rcu(t)
#endif
	:: else
	fi
}
