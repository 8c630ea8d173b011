/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memslot is deleted, with slots_lock held: nobody else here wants that.
 */
/*
 * step: kvm_swap_active_memslots
 * No notifier may be between its start and its end: looked at and done under
 * mn_invalidate_lock. The new memslots are there by one write of a pointer.
 */
inline swap_active_memslots(to)
{
#ifdef NO_MN_WAIT
	slot = to;
#else
	atomic { !mn_active -> slot = to };
#endif
#ifndef NO_SRCU
	synchronize_srcu()
#else
	skip
#endif
}

/* The walk has unlinked a page table. */
inline note(t)
{
	unlinked = unlinked | BIT(t)
}

proctype update()
{
	bool flush, flushed;
	byte e, s, unlinked, thinned;

	/* step: kvm_set_memslot */
#ifndef NO_INVALID_FLAG
	/* step: kvm_invalidate_memslot */
	swap_active_memslots(INVALID);
#endif
	/* step: kvm_zap_memslot_scoped */
#ifdef SHADOW
#include "scoped_shadow.pml"
#else
#include "scoped_tdp.pml"
#endif
	/* Locals do not outlive their use. */
	d_step { flush = false; flushed = false; e = 0; s = 0; unlinked = 0; thinned = 0 };
	/* step: kvm_delete_memslot: whoever comes later finds none. */
	swap_active_memslots(GONE);

#ifdef TELLS
	if
	:: written[0] && !told[0] -> assert(dirty_bit_lost)
	:: written[1] && !told[1] -> assert(dirty_bit_lost)
	:: else
	fi
#endif
}
