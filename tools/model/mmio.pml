/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Site mmio, policy scoped: two vCPUs make and use MMIO SPTEs while memslots are updated
 * time and again, and the generation that an SPTE carries wraps. Here it has one bit, so
 * it wraps with each second update.
 *
 * What an MMIO SPTE says, that there is no memslot, is true of the memslots in which it
 * was looked up, and is not asked any more. So each update counts as one that makes it
 * wrong: an SPTE that is used has to be of the memslots that are active.
 *
 * Variants: SHADOW, the shadow MMU (mmu_lock held for write); else the TDP MMU.
 */
#define TABLES	2
#define UPDATES	3
#include "sync.pml"

#define mmio_spte_of_other_memslots_used	false
#define cache_of_other_memslots_used	false

/*
 * The active memslots: which ones, and their generation, without and with the flags that
 * say that an update is under way, and that it is early. A reader gets the pointer and
 * then the generation. The memslots that were active before do not change as long as
 * somebody may read them, so it may as well get both at once.
 */
byte memslots;
byte generation;
bool updating, early;

/* MMIO SPTEs: whether it is one, its bit of the generation; and the memslots, unseen. */
bool mmio[2];
bit mmio_gen[2];
byte mmio_memslots[2];

#define low_bits(gen)	((gen) & 1)

/* step: make_mmio_spte: the memslots that were looked up may be older than these. */
inline make_mmio_spte(x, looked_up)
{
	mmio[x] = true;
	mmio_gen[x] = gen;
	mmio_memslots[x] = looked_up
}

proctype vcpu(byte me)
{
	bit x, gen;
	byte looked_up, was, cache_gen;
	bool cached, cache_updating, cache_early, is_mmio;
	byte cache_memslots;

outside:
	/*
	 * The vCPU has left the guest by an access to address x, or looks at its steal time.
	 * SRCU is held from here on. To keep this small, each vCPU does a part of all that.
	 */
	d_step { x = 0; gen = 0; looked_up = 0; was = 0; is_mmio = false; srcu_read_unlock(me) };
	atomic {
		srcu_read_lock(me);
		if
		:: x = 0
		:: me == 1 -> x = 1
		:: me == 0 -> goto use_cache
		:: goto done
		fi
	};
	/*
	 * step: handle_mmio_page_fault
	 * step: check_mmio_spte
	 * The SPTE is read without a lock, then the generation. That these are two steps is a
	 * flaw of KVM's own, whatever the policy: an SPTE that is a whole cycle old, read
	 * before the walk drops it, is taken for valid if the generation is read after the
	 * update. So it is a variant, see "models" and "mutants".
	 */
#ifdef READS_SPTE_FIRST
	d_step { is_mmio = mmio[x]; gen = mmio_gen[x]; was = mmio_memslots[x] };
#endif
	atomic {
#ifndef READS_SPTE_FIRST
		is_mmio = mmio[x];
		gen = mmio_gen[x];
		was = mmio_memslots[x];
#endif
		if
		:: is_mmio && !updating && gen == low_bits(generation) ->
			if
			:: was != memslots -> assert(mmio_spte_of_other_memslots_used)
			:: else
			fi;
			goto outside
		:: else -> is_mmio = false; was = 0; gen = 0
		fi
	};
	/* step: direct_page_fault: no memslot is found. */
	looked_up = memslots;
	/*
	 * step: tdp_mmu_map_handle_target_level
	 * step: mark_mmio_spte
	 * The generation is read, then the SPTE is written, mmu_lock held.
	 */
#ifdef SHADOW
	d_step { write_lock(); gen = low_bits(generation); is_mmio = mmio[x]; was = mmio_gen[x] };
	d_step { make_mmio_spte(x, looked_up) };
	write_unlock();
#else
	d_step { read_lock(); gen = low_bits(generation); is_mmio = mmio[x]; was = mmio_gen[x] };
	/* step: tdp_mmu_set_spte_atomic */
	d_step {
		if
		:: mmio[x] == is_mmio && mmio_gen[x] == was -> make_mmio_spte(x, looked_up)
		:: else
		fi
	};
	read_unlock();
#endif
	goto outside;

use_cache:
	/* step: kvm_read_guest_offset_cached: all of the generation is compared. */
	atomic {
		if
		:: cached && cache_gen == generation && cache_updating == updating &&
		   cache_early == early ->
			if
			:: cache_memslots != memslots -> assert(cache_of_other_memslots_used)
			:: else
			fi
		:: else ->
			/* step: __kvm_gfn_to_hva_cache_init */
			cached = true;
			cache_gen = generation;
			cache_updating = updating;
			cache_early = early;
			cache_memslots = memslots
		fi;
		goto outside
	};
done:
	atomic { srcu_read_unlock(me); cached = false }
}

inline drop_mmio_spte(x)
{
	mmio[x] = false;
	mmio_gen[x] = 0;
	mmio_memslots[x] = 0
}

#include "zap_mmio.pml"

proctype update()
{
	byte gen, left = UPDATES;
	bit x, seen_gen;
	bool seen;

	do
	:: left ->
		/* step: kvm_swap_active_memslots: by one write of a pointer. */
		d_step { memslots++; updating = true };
#ifndef NO_SRCU
		synchronize_srcu();
#endif
		gen = generation + 1;
		/* step: kvm_mmu_invalidate_mmio_sptes */
		if
		:: low_bits(gen) == 0 -> zap_mmio_scoped()
		:: else
		fi;
		d_step { generation = gen; updating = false; early = false; left-- }
	:: else -> break
	od
}

init
{
	atomic {
		srcu_in = BIT(0) | BIT(1);
		run vcpu(0);
		run vcpu(1);
		run update()
	}
}
