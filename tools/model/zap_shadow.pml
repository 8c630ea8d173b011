/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What scoped_shadow.pml does in several places. What is unlinked is freed at a lock break
 * and at the end.
 */

/*
 * step: zap_shadow_settle_all: the page table that has lost its SPTE.
 * Held for write: only a CPU and a lockless walk look, and see the entry alone.
 */
inline settle()
{
	d_step {
		if
		:: thinned && root[0] == thinned && !is_present(spte[thinned]) ->
			use(thinned);
			root[0] = 0;
			note(thinned);
			flush = true
		:: else
		fi;
		thinned = 0
	}
}

/* step: zap_shadow_flush */
inline shadow_flush()
{
	if
	:: flush || unlinked -> flush_for_zap()
	:: else
	fi;
	flush = false
}

/* step: kvm_mmu_free_shadow_page */
inline free_flushed(t)
{
	d_step {
		if
		:: unlinked & BIT(t) -> use(t); free_table(t); unlinked = unlinked & ~BIT(t)
		:: else
		fi
	}
}

/* step: kvm_zap_shadow_break */
inline shadow_break()
{
	settle();
#ifdef NO_FLUSH_AT_BREAK
	flush = false;
#else
	shadow_flush();
#endif
	write_unlock();
	write_lock()
#ifndef NO_FLUSH_AT_BREAK
	;
	/* step: kvm_zap_free_tables: what was flushed for. */
	free_flushed(1);
	free_flushed(2)
#endif
}
