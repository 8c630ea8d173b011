/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages, page tables, SPTEs and TLBs.
 *
 * Two pieces of guest memory, 0 and 1, each with an entry in the root, and two page
 * tables that these may point to, of one SPTE each. Piece 0 lies in the memslot with its
 * whole range. Piece 1 is where the kinds of MMU differ:
 *
 *   TDP MMU     a page of the memslot, in a page table that maps others as well: the
 *               memslot ends there
 *   shadow MMU  a page table that shadows a guest page table inside the memslot. What it
 *               maps belongs to a memslot that stays
 *
 * Host pages are 0 and 1, by piece, and 2, that the host has for piece 0 after it was
 * given back. An entry of the root is 0 or the number of a page table.
 */
#define PAGES	3
byte root[2];

#define FREE	0
#define USED	1
#define DYING	2	/* given to call_rcu() */
byte table[TABLES + 1];

/* SPTEs: 0 is not present. FROZEN is not present either. */
#define FROZEN		1
#define PRESENT		2
#define WRITABLE	4
#define DIRTY		8
#define spte_of(pfn)	(PRESENT | ((pfn) << 4))
#define pfn_of(spte)	((spte) >> 4)
#define is_present(spte)	((spte) & PRESENT)
byte spte[TABLES + 1];

/* A vCPU's TLB has SPTEs, and the page table that an entry of the root pointed to. */
#define at(v, g)	((v) * 2 + (g))
byte tlb[VCPUS * 2];
byte walked[VCPUS * 2];

#define VALID	0
#define INVALID	1
#define GONE	2
byte slot;

bool given_back[PAGES];		/* by the host, to be used for something else */
byte host_page;			/* of piece 0: 0, later 2 */
bool written[PAGES], told[PAGES];

#ifdef SHADOW
#define in_slot(pfn)	((pfn) != 1)
#else
#define in_slot(pfn)	true
#endif

/* Someone reads or writes a page table. */
inline use(t)
{
	if
	:: table[t] == FREE -> assert(freed_table_used)
	:: else
	fi
}

/* A CPU reads or writes a page. */
inline access(pfn)
{
	if
	:: slot == GONE && in_slot(pfn) -> assert(stale_translation_used)
	:: given_back[pfn] -> assert(page_used_after_given_back)
	:: else
	fi
}

/* step: kvm_set_pfn_dirty */
inline tell(s)
{
#ifdef TELLS
	if
	:: is_present(s) && given_back[pfn_of(s)] -> assert(page_told_after_given_back)
	:: else
	fi;
	if
	:: is_present(s) && (s & DIRTY) -> told[pfn_of(s)] = true
	:: else
	fi
#else
	skip
#endif
}

/* step: tdp_mmu_alloc_sp */
inline alloc_table(t)
{
	d_step {
		if
		:: table[1] == FREE -> t = 1
		:: table[1] != FREE && table[2] == FREE -> t = 2
		:: else -> t = 0
		fi;
		if
		:: t -> table[t] = USED; spte[t] = 0
		:: else
		fi
	}
}

inline free_table(t)
{
	table[t] = FREE;
	spte[t] = 0;
	rcu_wait[t] = 0
}

inline call_rcu(t)
{
	d_step {
		if
		:: table[t] != USED -> assert(table_freed_twice)
		:: else
		fi;
		table[t] = DYING;
		rcu_wait[t] = rcu_in
	}
}

/* step: tdp_mmu_free_sp_rcu_callback */
active proctype rcu_callbacks()
{
end:
	do
	:: d_step { table[1] == DYING && !rcu_wait[1] -> free_table(1) }
	:: d_step { table[2] == DYING && !rcu_wait[2] -> free_table(2) }
	od
}
