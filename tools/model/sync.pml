/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who takes part, and how they keep out of each other's way: mmu_lock, SRCU, RCU, the
 * kick of a vCPU. Memory is sequentially consistent: barriers are not what is tried here.
 *
 * A step is what others cannot look into: one access to memory that others use without a
 * lock. With it go, in the same step, what is the own business of who makes it, what the
 * lock that it holds protects, and the lock itself: nothing that others do is different
 * if a lock is taken as late as its first use, or given back as early as its last (R. J.
 * Lipton, "Reduction", 1975).
 */
#define VCPUS	2
#define UPDATE	2
#define MN	3
#define NX	4
#define BIT(who)	(1 << (who))

/* What a property is broken by; pan prints the assertion's text. */
#define stale_translation_used	false
#define page_used_after_given_back	false
#define freed_table_used	false
#define table_freed_twice	false
#define dirty_bit_lost		false
#define page_told_after_given_back	false
#define memslot_gone_before_shadow_page	false
#define invalidation_count_unbalanced	false
#define mapping_left	false

/*
 * mmu_lock. That it is fair is left out: who comes first is tried in all orders anyway.
 * Callers put it
 * into a step of theirs.
 */
byte mmu_readers;
bool mmu_writer;

inline read_lock() { atomic { !mmu_writer -> mmu_readers++ } }
inline read_unlock() { mmu_readers-- }
inline write_lock() { atomic { !mmu_writer && !mmu_readers -> mmu_writer = true } }
inline write_unlock() { mmu_writer = false }

/*
 * A grace period waits for the readers that were there when it began, and for no
 * others. To leave a section is one step: readers count in memory of their own.
 */
byte srcu_in, srcu_wait;

inline srcu_read_lock(who) { srcu_in = srcu_in | BIT(who) }
inline srcu_read_unlock(who)
{
	d_step {
		srcu_in = srcu_in & ~BIT(who);
		srcu_wait = srcu_wait & ~BIT(who)
	}
}
inline synchronize_srcu()
{
	srcu_wait = srcu_in;
	!srcu_wait
}

/* The same, but nobody waits: each page table that is to be freed has its own period. */
byte rcu_in;
byte rcu_wait[TABLES + 1];

inline rcu_read_lock(who) { rcu_in = rcu_in | BIT(who) }
inline rcu_read_unlock(who)
{
	d_step {
		rcu_in = rcu_in & ~BIT(who);
		rcu_wait[1] = rcu_wait[1] & ~BIT(who);
		rcu_wait[2] = rcu_wait[2] & ~BIT(who)
	}
}

/* vcpu->mode, a request to flush, and an interrupt that is waited for. */
#define OUTSIDE	0
#define GUEST	1
#define READING	2
byte mode[VCPUS];
bool wants_flush[VCPUS];
bool ipi[VCPUS];

/*
 * step: kvm_make_vcpu_request
 * step: kvm_request_needs_ipi
 * The request is set, then the mode is read; the vCPU does it the other way round. So
 * the two may be one step. The interrupt is answered when the vCPU leaves its mode.
 */
inline kick(v)
{
	d_step {
		wants_flush[v] = true;
		if
		:: mode[v] != OUTSIDE -> ipi[v] = true
		:: else
		fi
	}
}

/* step: kvm_flush_remote_tlbs */
inline flush_remote_tlbs()
{
	kick(0);
	kick(1);
#ifndef NO_KICK_WAIT
	!ipi[0] && !ipi[1]
#else
	skip
#endif
}

/* A vCPU leaves the guest, or a lockless walk: it answers the interrupt. */
inline leave_mode(v)
{
	mode[v] = OUTSIDE;
	ipi[v] = false
}

/* The flush that policy scoped owes. */
#ifdef NO_FLUSH
#define flush_for_zap()	skip
#else
#define flush_for_zap()	flush_remote_tlbs()
#endif
