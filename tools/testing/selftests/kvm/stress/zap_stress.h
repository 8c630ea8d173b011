/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the parts of zap_stress_test share: areas of guest memory, in each of
 * which one slot comes and goes, the memories behind them, and the model. The model holds
 * all that a guest's access may have met at each step of the area's clock.
 *
 *	zap_stress_test.c	options, the main thread's loop
 *	zap_stress_ops.c	what the main thread does to slots, memory and policies
 *	zap_stress_noise.c	threads that disturb but change no content
 *	zap_stress_world.c	VM, memories, vCPU threads
 *	zap_stress_model.c	the steps, and the judge of the vCPUs' records
 *	zap_stress_guest.c	what the vCPUs run
 */
#ifndef KVM_ZAP_STRESS_H
#define KVM_ZAP_STRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_stress_guest.h"

#define STRESS_AREAS	6
#define STRESS_MEMS	3
#define STRESS_VCPUS	16	/* at most */
#define STRESS_PAGES	2048	/* of an area, at most */
#define STRESS_STATES	4096	/* steps that an area remembers */
#define STRESS_SNAPS	64
#define STRESS_SNAP_PAGES	64
#define STRESS_LOGS	64
#define STRESS_PENDING	1024
#define STRESS_ABSENT	(~0UL)	/* what a load from where there is no slot gives */

/* The SMM address space, in the upper half of a slot's number. */
#define STRESS_SMM	0x10000U

enum stress_backing { STRESS_ANON, STRESS_SHARED, STRESS_THP, STRESS_HUGETLB };

/*
 * A page's content, by steps of its area: generation `gen` from `changed` on,
 * `before` from `changed_before` on. Generation 0 is a page of zeroes; a change
 * leaves zeroes in the vCPUs' words.
 */
struct stress_page {
	uint32_t gen, before;
	uint32_t changed, changed_before;
};

/* What a vCPU wrote into its word of a page, last. */
struct stress_own {
	uint64_t last, alt;	/* either: a slot changed while it was written */
	uint64_t before;	/* the write before that, while it was under way */
	uint32_t lo, hi;	/* when */
	bool unknown;		/* more values are possible */
	bool before_unknown;
};

struct stress_snap {
	uint32_t step;		/* nobody writes from here on */
	uint8_t mem;
	uint32_t nr;
	uint16_t page[STRESS_SNAP_PAGES];
	uint64_t word[STRESS_SNAP_PAGES][STRESS_VCPUS + 1];
};

struct stress_memory {
	unsigned char *hva;
	void *map;		/* what to unmap */
	size_t map_bytes;
	int fd;			/* -1: private */
	uint32_t npages;
	uint32_t gens;		/* generations so far */
	uint8_t id;
	struct stress_page *page;
	struct stress_own *own[STRESS_VCPUS];
	struct stress_snap *quiet;	/* must not differ from this; NULL: may */
};

/* An area in one step. */
struct stress_state {
	uint64_t step;		/* of the main thread */
	const char *op;
	const char *policy;
	bool present, readonly;
	bool vanishes;		/* there may have been no slot on the way to this step */
	uint32_t epoch;		/* of dirty logging, 0: off */
	uint32_t first, npages;	/* where the slot is, in the area */
	uint8_t mem;
	uint32_t mem_first;	/* page of the memory that the slot begins with */
};

struct stress_log {
	uint32_t step, epoch;
	uint64_t bits[STRESS_PAGES / 64];	/* by pages of the slot */
};

struct stress_area {
	const char *name;
	enum stress_backing backing;
	uint32_t slot;
	uint32_t base;		/* first page, from VM_RAM_GPA on */
	uint32_t span;		/* pages */
	unsigned int nr_mems;
	bool failed;
	const char *skip;	/* why it is not there */
	struct stress_clock *clock;
	struct stress_memory mem[STRESS_MEMS];
	struct stress_state states[STRESS_STATES];
	uint32_t epochs;
	struct stress_snap snaps[STRESS_SNAPS];
	uint64_t nr_snaps;
	struct stress_log logs[STRESS_LOGS];
	uint64_t nr_logs;
};

/* A write that a dirty log to come has to tell of. */
struct stress_pending {
	uint8_t area;
	uint16_t page;		/* of the slot */
	uint32_t epoch, lo, hi;
};

struct stress_vcpu {
	struct stress *s;
	unsigned int id;
	struct vcpu *vcpu;
	struct stress_beat *beat;
	pthread_t thread;
	uint64_t snap[STRESS_AREAS];	/* next to compare with */
	struct stress_pending pending[STRESS_PENDING];
	unsigned int nr_pending;
};

struct stress {
	/* What was asked for. */
	unsigned long seed, steps;
	const char *policy;	/* "flip" or the word */
	unsigned long nr_vcpus, nr_noise;
	bool have_policies;	/* kvm-zap's modules */
	bool smm;

	uint64_t random;	/* the main thread's */
	uint64_t step;
	const char *param, *word;	/* memslot_zap, of the module and of the VM */
	struct stress_area area[STRESS_AREAS];

	struct vm *vm;
	unsigned char *desk;
	struct stress_vcpu vcpu[STRESS_VCPUS];
	bool manual;		/* KVM_CLEAR_DIRTY_LOG is on */

	pthread_mutex_t lock;	/* of the model */
	bool stop;		/* the round ends */
	bool failed;		/* in any area or vCPU */
	bool vcpu_failed;
	unsigned int told;	/* failures printed */

	/* How much was seen. */
	uint64_t judged, unjudged, reached, exits, snaps, dirty, rounds;
};

/* zap_stress_model.c */

uint64_t stress_random(uint64_t *state);
static inline uint64_t stress_below(uint64_t *state, uint64_t n)
{
	return (stress_random(state) >> 16) % n;
}

/* The present state, only for the main thread. */
const struct stress_state *stress_now(const struct stress_area *a);

/*
 * A step of @a to @next begins, and ends. Pages @first to @first + @nr - 1 of
 * @mem, unless that is NULL, change content on the way: to a new generation
 * that stress_stamp() writes, or, unless @stamped, to zeroes.
 */
void stress_begin(struct stress *s, struct stress_area *a, struct stress_state *next,
		  struct stress_memory *mem, uint32_t first, uint32_t nr, bool stamped);
void stress_end(struct stress_area *a);
uint64_t stress_stamp_of(const struct stress_memory *mem, uint32_t index, uint32_t gen);
void stress_stamp(struct stress_memory *mem, unsigned char *to, uint32_t first, uint32_t nr);

/* From now on nobody may write to the memory's pages from @first on. */
void stress_quiet(struct stress *s, struct stress_area *a, struct stress_memory *mem,
		  uint32_t first, uint32_t nr);
/* Did anybody? With @end it is the last time that this is asked. */
void stress_check_quiet(struct stress *s, struct stress_area *a, struct stress_memory *mem,
			bool end);

/* The area's dirty log was taken, in the present step. */
void stress_logged(struct stress *s, struct stress_area *a, const uint64_t *bits);

/* Judge the records of the vCPU's last run. */
void stress_judge(struct stress_vcpu *v);

void stress_fail(struct stress *s, struct stress_area *a, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* zap_stress_world.c: a round */

void stress_areas(struct stress *s);
void stress_create(struct stress *s);
void stress_destroy(struct stress *s);
void stress_be_nice(void);	/* the calling thread */
void *stress_map(struct stress_memory *mem, enum stress_backing backing, void *at,
		 uint32_t first, uint32_t nr);

/* zap_stress_ops.c: all of the main thread's */
void stress_step(struct stress *s);
void stress_policies(struct stress *s);
void stress_nx_restore(void);

/* zap_stress_noise.c */
void stress_noise_start(struct stress *s);
void stress_noise_end(struct stress *s);

#endif
