/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine of mmio.pml: zap_mmio.c. The walk has two SPTEs to come by.
 */

#ifdef SPARES_NEW
#define is_to_go(x)	(mmio[x] && mmio_gen[x] != low_bits(gen))
#else
#define is_to_go(x)	mmio[x]
#endif

/*
 * step: zap_mmio_begin_generation
 * mmu_lock is held for write: nobody is between reading the generation and writing the
 * SPTE.
 */
inline begin_generation()
{
	d_step {
		generation = gen;
#ifndef NO_EARLY_MARK
		early = true
#endif
	}
}

/*
 * step: zap_mmio_shadow
 * With a lock break after each page table.
 */
inline zap_mmio_shadow(x)
{
	d_step {
		if
		:: is_to_go(x) -> drop_mmio_spte(x)
		:: else
		fi
	};
	if
	:: true -> write_unlock(); write_lock()
	:: true
	fi
}

/*
 * step: zap_mmio_tdp_table
 * step: zap_mmio_tdp_drop
 * Looks, then exchanges: if the SPTE has changed, a vCPU has made a new one.
 */
inline zap_mmio_tdp(x)
{
	d_step { seen = is_to_go(x); seen_gen = mmio_gen[x] };
	d_step {
		if
		:: seen && mmio[x] && mmio_gen[x] == seen_gen -> drop_mmio_spte(x)
		:: else
		fi;
		seen = false;
		seen_gen = 0
	};
	if
	:: true -> read_unlock(); read_lock()
	:: true
	fi
}

/* step: kvm_zap_mmio_scoped */
inline zap_mmio_scoped()
{
#ifndef BEGIN_UNLOCKED
	write_lock();
#endif
#ifndef GENERATION_LATE
	begin_generation();
#endif
#if defined(SHADOW) && !defined(NO_WALK)
	zap_mmio_shadow(0);
	zap_mmio_shadow(1);
#endif
#ifndef BEGIN_UNLOCKED
	write_unlock();
#endif
#if !defined(SHADOW) && !defined(NO_WALK)
	read_lock();
	zap_mmio_tdp(0);
	zap_mmio_tdp(1);
	read_unlock();
#endif
#ifdef WAITS_AFTER_WALK
	synchronize_srcu()
#else
	skip
#endif
}
