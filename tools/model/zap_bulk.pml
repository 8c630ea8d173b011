/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engines of teardown.pml: zap_bulk.c and KVM's own walk.
 */

/* Whoever runs the invalidation that is counted writes its fields, in two steps. */
inline fill(who)
{
	d_step {
		if
		:: task != who -> assert(counted_by_other)
		:: filling -> assert(counted_by_other)
		:: else
		fi;
		filling = who
	};
	d_step {
		if
		:: task != who -> assert(counted_by_other)
		:: else
		fi;
		filling = 0
	}
}

/* The first page table of the list; 0 if there is none. mmu_lock is held for write. */
inline take(t)
{
	d_step {
		if
		:: linked[1] -> t = 1
		:: !linked[1] && linked[2] -> t = 2
		:: else -> t = 0
		fi
	}
}

inline still_there(t)
{
	if
	:: !linked[t] -> assert(table_used_after_free)
	:: else
	fi
}

/* step: drop_spte: an SPTE and the statistics agree whenever mmu_lock is free. */
inline drop(t)
{
	d_step {
		still_there(t);
		if
		:: leaf[t] -> leaf[t] = false; leafs--
		:: else
		fi
	}
}

/* step: __kvm_mmu_prepare_zap_page */
inline unlink(t)
{
	drop(t);
	d_step { still_there(t); linked[t] = false }
}

/* cond_resched_rwlock_write() */
inline lock_break()
{
	if
	:: true -> write_unlock(); atomic { write_lock() }
	:: true
	fi
}

/*
 * step: kvm_mmu_zap_all
 * step: kvm_mmu_zap_all_fast
 * The list may be another one after a lock break.
 */
inline walk()
{
	atomic { write_lock() };
	do
	:: true ->
		take(t);
		if
		:: t -> unlink(t); lock_break()
		:: else -> break
		fi
	od;
	write_unlock()
}

/*
 * step: kvm_zap_bulk
 * step: zap_bulk_table
 * step: zap_bulk_shadow
 * The leafs of one page table after the other, each of which goes when it is empty.
 */
inline bulk()
{
#ifdef BULK_UNLOCKED
	skip;
#else
	atomic { write_lock() };
#endif
	take(t);
	do
	:: t ->
#ifdef BULK_KEEPS_POINTER
		lock_break();
		drop(t);
#else
		drop(t);
#endif
		unlink(t);
#ifndef BULK_UNLOCKED
		lock_break();
#endif
		take(t)
	:: else -> break
	od;
#ifndef BULK_UNLOCKED
	write_unlock();
#endif
	walk()
}
