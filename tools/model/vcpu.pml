/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU, and the CPU that it runs on. In the guest it reads and writes the two pieces
 * of memory in any order, as often as it likes, and may end at any time. The second one
 * keeps to piece SECOND: two that are the same in all would take 20 times as long.
 */
#define may(g)	((me == 0 && (FIRST & (1 << (g)))) || (me == 1 && (SECOND & (1 << (g)))))

/* The TLB forgets all. One step: nobody else looks into it. */
inline flush_own_tlb(v)
{
	tlb[at(v, 0)] = 0;
	tlb[at(v, 1)] = 0;
	walked[at(v, 0)] = 0;
	walked[at(v, 1)] = 0
}

#define TLB(g)	tlb[at(me, g)]
#define WALKED(g)	walked[at(me, g)]
#define SPTE(g)	spte[walked[at(me, g)]]

/* A fault about piece g. The CPU forgets what it is about, as its manuals say. */
inline begin_fault(g, is_write)
{
	if
	:: WALKED(g) -> use(WALKED(g))
	:: else
	fi;
	WALKED(g) = 0;
	TLB(g) = 0;
	gfn = g;
	write = is_write
}

/*
 * The guest reads piece g: by the TLB, or by a walk, which may begin at a page table
 * that the CPU remembers, although the root does not point there any more. Each access
 * to memory is a step.
 */
#define GUEST_READS(g)	\
	:: d_step { TLB(g) -> access(pfn_of(TLB(g))) } \
	:: d_step { may(g) && !WALKED(g) && root[g] -> WALKED(g) = root[g] } \
	:: d_step { \
		!TLB(g) && WALKED(g) && is_present(SPTE(g)) -> \
			use(WALKED(g)); \
			TLB(g) = SPTE(g) & ~WRITABLE \
	   } \
	:: atomic { \
		may(g) && !TLB(g) && (WALKED(g) -> !is_present(SPTE(g)) : !root[g]) -> \
			begin_fault(g, false); \
			goto fault \
	   }

/*
 * The guest writes: without a walk only if the TLB knows that the SPTE is dirty. Else
 * the CPU sets the bit by a locked operation in the SPTE as it is then. Where pages
 * are told nothing, the bit does not matter, nor does what is read differ from what is
 * written.
 */
#ifdef TELLS
#define SETS_DIRTY	DIRTY
#define GUEST_WRITES(g)	\
	:: d_step { TLB(g) & DIRTY -> access(pfn_of(TLB(g))); written[pfn_of(TLB(g))] = true } \
	:: d_step { \
		!(TLB(g) & DIRTY) && WALKED(g) && (SPTE(g) & WRITABLE) -> \
			use(WALKED(g)); \
			SPTE(g) = SPTE(g) | DIRTY; \
			TLB(g) = SPTE(g) & ~WRITABLE \
	   } \
	WRITE_FAULT(g)
#else
#define SETS_DIRTY	0
#define GUEST_WRITES(g)	WRITE_FAULT(g)
#endif

#define WRITE_FAULT(g)	\
	:: atomic { \
		may(g) && !(TLB(g) & DIRTY) && (WALKED(g) -> !(SPTE(g) & WRITABLE) : !root[g]) -> \
			begin_fault(g, true); \
			goto fault \
	   }

#ifdef SHADOW
#define FAST_PAGE_FAULT(g)	((g) == 0)	/* of direct page tables alone */
#else
#define FAST_PAGE_FAULT(g)	true
#endif

#ifdef FAST_PF_WRITES_PLAINLY
#define FAST_PF_IS_PLAIN	true
#else
#define FAST_PF_IS_PLAIN	false
#endif

proctype vcpu(byte me)
{
	bit gfn;
	bool write;
	byte seen, seq, pfn, t, s, new;

outside:
	/* Locals do not outlive a fault: that would only multiply states. */
	/* step: vcpu_enter_guest: requests first. */
	atomic {
		gfn = 0; write = false; seen = 0; seq = 0; pfn = 0; t = 0; s = 0; new = 0;
		if
		:: wants_flush[me] -> wants_flush[me] = false; flush_own_tlb(me)
		:: else
		fi
	}
	/* The memslots are not read between the two. */
	d_step { mode[me] = GUEST; srcu_read_unlock(me) }
	atomic {
		if
		:: wants_flush[me] ->
			leave_mode(me);
			srcu_read_lock(me);
			goto outside
		:: else
		fi
	}

	do
	GUEST_READS(0)
	GUEST_READS(1)
	GUEST_WRITES(0)
#ifndef SHADOW
	GUEST_WRITES(1)
#endif
	:: atomic { ipi[me] -> leave_mode(me); srcu_read_lock(me); goto outside }
	:: atomic { leave_mode(me); flush_own_tlb(me); goto done }
	od;

fault:
	/* Nothing is read between the end of guest mode and the lock. */
	atomic { leave_mode(me); srcu_read_lock(me); seen = slot };
#include "fault.pml"
done:
	skip
}
