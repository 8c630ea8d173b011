/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The workloads that delete or move a memslot share a slot of their own beside the
 * guest's memory (guest_ram.h), and the series of samples that each round adds to.
 *
 * A round has three steps: the slot is deleted or moved, it is created again, and the
 * guest touches what it had touched before. Policies trade the first step for the last.
 * So they are compared by the CPU time of all three, `total_cpu_ns`, which does not
 * include the time that the process sleeps while it waits for SRCU grace periods.
 *
 * CPU time alone would flatter long zaps. The time from the timer's tick that asks for a
 * reschedule to the lock break takes milliseconds, and the scheduler charges it to the
 * task that comes next (it saves itself a look at the clock, RQCF_REQ_SKIP). So a zap
 * counts as zap_ns if that is more. A KVM that does not count zap_ns has no such remedy.
 * So if there is one CPU, and nothing but the workload runs, as in the lab, compare by
 * `total_ns`, the time of the steps. It includes some of the waiting for SRCU, which is
 * the same work under any policy.
 */
#ifndef KVM_ZAP_BENCH_SLOT_H
#define KVM_ZAP_BENCH_SLOT_H

#include <time.h>

#include "guest_ram.h"
#include "report.h"
#include "vm.h"

#define BENCH_SLOT	(RAM_SLOT + 1)

/* Statistics of the VM ------------------------------------------------------ */

#define SLOT_STATS	10
#define SLOT_STAT_ZAP_NS 0	/* the first of them */

/* Values of KVM's statistics that tell what a zap did; not all kernels have all. */
struct slot_stats {
	uint64_t value[SLOT_STATS];
	bool have[SLOT_STATS];
};

void slot_stats_read(struct vm *vm, struct slot_stats *s);

/* Makes a series for each: zap_ns, zap_sptes, zap_tables, zap_yields, ... */
void slot_stats_series(struct report *r, struct series *series[SLOT_STATS]);

/* A sample of each: how much it grew. */
void slot_stats_sample(struct series *series[SLOT_STATS], const struct slot_stats *before,
		       const struct slot_stats *after);

/* The slot ------------------------------------------------------------------ */

struct slot {
	struct vm *vm;
	uint64_t gpa;
	uint64_t bytes;
	uint32_t flags;		/* KVM_MEM_* */
	void *backing;

	/* What the guest touches of it: @pages, one each @stride bytes. */
	uint64_t pages;
	uint64_t stride;

	/* How often the guest maps it, besides where it is, and touches it there; 0: not. */
	unsigned long aliases;
};

/*
 * Exits with a clear message if --slot-mib is not whole pages (status 2), or
 * @ram and @slot_bytes more are more than the host's memory (status 1).
 */
void slot_check(const struct guest_ram *ram, unsigned long slot_mib, unsigned long slot_bytes,
		const char *command);

/*
 * A place for @bytes of guest memory, the @nth after @ram's, at a multiple of
 * 1 GiB: there is then no page table that it shares with its neighbour. Exits if
 * guest physical addresses are too narrow.
 */
uint64_t slot_place(const struct guest_ram *ram, unsigned int nth, uint64_t bytes);

/*
 * Room for @bytes of a slot of which little is to be mapped, aligned to 2 MiB: there is
 * nothing behind it until the guest touches it. And what it costs the host at most if
 * the guest touches @pages of 4 KiB.
 */
void *slot_reserve(uint64_t bytes);
uint64_t slot_sparse_bytes(uint64_t bytes, uint64_t pages);

/*
 * Put @slot, whose bytes, backing and pages are set, into @ram's VM at the first
 * such place, mapped in the guest's page tables.
 */
void slot_add(struct slot *slot, const struct guest_ram *ram);

/* (Re-)make the slot where it was, or move it to where slot->gpa is now. */
void slot_set(const struct slot *slot);
void slot_delete(const struct slot *slot);

/* The guest touches its pages by @op, GUEST_OP_READ or GUEST_OP_WRITE. */
void slot_touch(const struct slot *slot, struct vcpu *vcpu, unsigned int op);

/* The series ---------------------------------------------------------------- */

enum slot_step {
	SLOT_ZAP,		/* delete or move the slot */
	SLOT_CREATE,		/* make it again */
	SLOT_TOUCH,		/* the guest touches its memory again */
	SLOT_STEPS
};

struct slot_meter {
	struct vm *vm;
	/*
	 * Whose CPU time it is: the process's by default. Where other threads are
	 * at work during a step, take the thread's alone; zap_ns, which theirs is
	 * part of, does then not count.
	 */
	clockid_t clock[SLOT_STEPS];
	bool times_only;	/* none of the VM's statistics: they tell of another site */
	struct series *ns[SLOT_STEPS], *faults, *cpu, *stats[SLOT_STATS];
	struct series *after, *kept, *total;

	/* Of the round at hand. */
	bool keep;
	uint64_t cpu_ns, total_ns;
	uint64_t start_ns, start_cpu_ns, start_faults;
	bool have_faults;
	struct slot_stats before;
};

/* Make the series, that of SLOT_ZAP with this name and text. */
void slot_meter_init(struct slot_meter *m, struct vm *vm, struct report *r, const char *zap_name,
		     const char *zap_about);

/*
 * Also count what is mapped right after SLOT_ZAP, and report how many pages @ram has:
 * what a policy leaves alone is still there.
 */
void slot_meter_rest(struct slot_meter *m, const struct guest_ram *ram, struct report *r);

/* A round; its samples are kept only if @keep. Steps may be left out. */
void slot_meter_start(struct slot_meter *m, bool keep);
void slot_begin(struct slot_meter *m, enum slot_step step);
void slot_end(struct slot_meter *m, enum slot_step step);
void slot_meter_stop(struct slot_meter *m);

/* The rounds of a workload that deletes a slot ------------------------------ */

struct slot_rounds {
	struct guest_ram *ram;	/* touched again by its vCPUs */
	struct slot *slot;	/* touched by the first of them */
	unsigned int op;	/* how */
	bool no_retouch;	/* after the deletion, the slot is left alone */
	bool no_touch;		/* all is */
};

/*
 * One round: the guest has touched all; delete the slot, make it again, let the
 * guest touch what it had.
 */
void slot_round(struct slot_meter *m, const struct slot_rounds *rounds, bool keep);

#endif
