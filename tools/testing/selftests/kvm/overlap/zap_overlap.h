/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that zap_overlap_test's files share. An invalidation runs on one CPU while
 * a partner does its part on another one and a vCPU on a third watches the memory that
 * goes. The kernel's own trace shows whether both ran at the same time.
 */
#ifndef KVM_ZAP_OVERLAP_H
#define KVM_ZAP_OVERLAP_H

#include "zap_world.h"

/*
 * Who runs where. CPUs of the lab take turns, each as long as it takes to the machine's
 * next timer, divided by their number: the metronome sleeps for moments, on a CPU that
 * nobody else wants, to make turns short.
 */
enum overlap_role {
	OVERLAP_ZAPPER, OVERLAP_WATCHER, OVERLAP_PARTNER, OVERLAP_METRONOME,
};

/* Slots of the world: the one that goes, one that stays, one of the partner's. */
enum { OVERLAP_SLOT, OVERLAP_STAYS, OVERLAP_OTHER };

/* The memslot that goes: the ends of two page tables, and all of the one between. */
#define OVERLAP_GPA	(WORLD_GPA + SZ_2M - 8 * SZ_4K)
#define OVERLAP_PAGES	528UL
#define OVERLAP_BYTES	(OVERLAP_PAGES * SZ_4K)

/* Of it the pages that the watcher reads and writes, the first and the last among them. */
#define OVERLAP_STRIDE	17UL
#define OVERLAP_WATCHED	32UL

/* The memslot that stays. */
#define OVERLAP_STAYS_GPA	(WORLD_GPA + 8 * SZ_1M)
#define OVERLAP_STAYS_PAGES	256UL
#define OVERLAP_STAYS_BYTES	(OVERLAP_STAYS_PAGES * SZ_4K)

/* Memory that two mappings show: what one loses the other still has. */
struct overlap_memory {
	unsigned char *hva;	/* the memslot's */
	unsigned char *alias;
	size_t bytes;
};

void overlap_memory_create(struct overlap_memory *mem, size_t bytes);
void overlap_memory_destroy(struct overlap_memory *mem);

/* What the partner saw at a time, to be judged when the invalidation's is known. */
#define OVERLAP_NOTES	64

struct overlap_note {
	uint64_t ns;		/* before it asked for the page to be unmapped */
	unsigned int page;	/* of the watched ones */
	uint64_t value;		/* what was written to it, when that was done */
};

/* The trace of a round, or the sum of all. */
struct overlap_seen {
	unsigned int zaps;	/* invalidations by the zapper */
	unsigned int events;	/* of the partner's, on another CPU */
	unsigned int within;	/* of these, while an invalidation was under way */
	unsigned int met;	/* invalidations that had at least one of them */
	uint64_t begin_ns, end_ns;	/* the last invalidation's, CLOCK_MONOTONIC */
	uint64_t ns;			/* of all of them */
	uint64_t tables;	/* the most that one by scoped counted */
	unsigned int cpu;	/* of the last one */
	unsigned int unflushed;	/* partner's events between a drop and its flush */
	unsigned int usurped;	/* invalidations that another one began first */
};

struct overlap {
	struct world *w;
	struct overlap_memory mem[2], stays;
	struct overlap_memory *now;	/* behind the memslot that goes */
	unsigned int round;
	bool busy;			/* the invalidation is under way */
	unsigned int step;		/* of the partner's, in all */
	unsigned int nr_notes;
	struct overlap_note notes[OVERLAP_NOTES];
	struct overlap_seen seen;
	const char *event;		/* the partner's */
	void *private;			/* the pair's */
};

/*
 * A pair: deletions by scoped, and what goes on meanwhile. Any function may be NULL. Where
 * it is another one, shadow_event and shadow_delay are those outside the TDP MMU.
 */
struct overlap_pair {
	const char *name;
	const char *policy;
	unsigned int rounds;		/* ten times as many if the two do not meet */
	unsigned int pages;		/* of world_pages[] */
	unsigned int slot;		/* the one that goes */
	const char *event, *shadow_event; /* the partner's, see overlap_trace_on() */
	const char *comm;		/* of the task that it is of, NULL: any */
	const char *delay, *shadow_delay; /* a function, see overlap_delay() */
	const char *(*unable)(void);	/* why it cannot be tried here */
	bool ordered;			/* see overlap_trace_order() */
	const char *seldom;		/* why the two need not meet, NULL: they have to */
	void (*begin)(struct overlap *o);
	void (*prepare)(struct overlap *o);	/* before a deletion */
	void (*partner)(struct overlap *o);	/* over and over until it is done */
	void (*judge)(struct overlap *o);	/* after it, the memslot still gone */
	void (*look)(struct overlap *o, const char *line); /* at a deletion's event */
	void (*end)(struct overlap *o);
};

/* zap_overlap_run.c */
void overlap_pin(enum overlap_role role);
void overlap_pin_thread(pthread_t thread, enum overlap_role role);
unsigned int overlap_pin_tasks(const char *comm, enum overlap_role role);
void overlap_pause(void);
void overlap_metronome_start(void);
void overlap_metronome_stop(void);
void overlap_metronome(bool on);
/* False while whoever runs the test has asked for another case. */
extern const char *overlap_only;
bool overlap_wanted(const char *name);

/* A case of its own. */
void overlap_run(const struct overlap_pair *pair);

/* The partner's thread for what is no pair: calls @step over and over until stopped. */
void overlap_partner_start(void (*step)(void *arg), void *arg);
void overlap_partner_stop(void);

/* The last words of a case. */
void overlap_conclude(const char *name, const char *event, const struct overlap_seen *seen,
		      uint64_t start_ns, const char *seldom);

/* zap_overlap_trace.c */
void overlap_trace_create(void);

/*
 * Let the trace have the partner's event as well: "SYSTEM/EVENT", or "FUNCTION" of the
 * kernel's, by a kprobe; of several, "FUNCTION|FUNCTION", the first that there is. False if
 * the kernel has no such thing.
 */
bool overlap_trace_on(const char *event, const char *comm);
void overlap_trace_off(void);

/*
 * Let it also have when an invalidation drops SPTEs and when it flushes TLBs. The partner's
 * event is one with mmu_lock held for write: no other CPU may have dropped and not flushed
 * then. False if the kernel has no such functions.
 */
bool overlap_trace_order(bool tdp);
void overlap_trace_pause(bool pause);

/* What the trace has since it was read last, added to @o's sums. */
void overlap_trace_read(struct overlap *o, const struct overlap_pair *pair);

/*
 * Have each call of @function take longer: the kernel notes its stack, which is some ten
 * thousand instructions. What another CPU may do in between, it does.
 */
bool overlap_delay(const char *function);
void overlap_delay_end(void);

/* The pairs */
extern const struct overlap_pair overlap_fault_pairs[], overlap_notifier_pairs[],
	overlap_host_pairs[];
extern const unsigned int overlap_nr_fault_pairs, overlap_nr_notifier_pairs,
	overlap_nr_host_pairs;

/* zap_overlap_teardown.c, zap_overlap_mmio.c: how many cases are wanted, and those. */
unsigned int overlap_count_teardowns(void);
unsigned int overlap_count_mmio(void);
void overlap_teardowns(void);
void overlap_mmio(void);

#endif
