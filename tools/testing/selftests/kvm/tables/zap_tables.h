/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world of zap_tables_test: memory slots that come and go, page tables in them that
 * map pages of any of them, and a model of what a guest has to find.
 *
 * A window is a range of guest addresses whose pages are mapped at random, by tables that
 * lie in the slots themselves. The tables are L1's own (kind L1), or the NPT or EPT by
 * which L1 maps its L2 (kind L2).
 */
#ifndef KVM_ZAP_TABLES_H
#define KVM_ZAP_TABLES_H

#include "ktap.h"
#include "nested.h"
#include "zap_lib.h"

#define TABLES_SLOTS	11
#define TABLES_VCPUS	2	/* whose windows are read */
#define TABLES_PAGES	1024	/* of a window, at most */
#define TABLES_LARGE	4	/* 2M pages beside them */
#define TABLES_STRIDE	16	/* 4K pages from one to the next, at most */
#define TABLES_PTS	(TABLES_PAGES * TABLES_STRIDE / 512)

/* Guest virtual, in kind L2 L2 addresses. */
#define TABLES_GVA	0x700000000UL
#define TABLES_ALIAS	(TABLES_GVA + SZ_1G / 2)	/* the lowest tables themselves */
#define TABLES_LARGE_GVA (TABLES_GVA + SZ_1G)
#define TABLES_LARGE_STEP (31 * SZ_4K)			/* pages of those that are read */

/* Each slot has an area of its own, with two places in it. */
#define TABLES_GPA	VM_RAM_GPA
#define TABLES_AREA	(32 * SZ_1M)

/* What never goes: for L2's control structures, and all of the patrol's. */
#define TABLES_STAY_SLOT 100
#define TABLES_STAY_GPA	VM_ROM_GPA
#define TABLES_STAY_BYTES (8 * SZ_1M)

enum tables_kind { TABLES_L1, TABLES_L2 };

/* Of a page of a slot. The last two are never mapped by 4K. */
enum tables_role { TABLES_DATA, TABLES_FREE, TABLES_USED };

struct tables_slot {
	uint32_t npages;
	uint32_t at[2];			/* places: first page, in the area */
	uint32_t percent;		/* of its pages are for tables */
	unsigned long backing;		/* page size */

	uint32_t id;
	bool present;
	uint32_t flags;
	unsigned int place;
	uint32_t incarnation;		/* memory that was behind it so far */
	unsigned int back;		/* which of the two is, or was last */
	unsigned char *mem[2];
	uint64_t *want[2];		/* what each page of them begins with */
	uint8_t *role;			/* enum tables_role, of what is behind it */
};

struct tables_window {
	uint32_t stride;		/* bytes */
	uint32_t nr_pts;
	uint64_t pt[TABLES_PTS];	/* gpas of tables */
	uint64_t pd, large_pd, alias;
	uint64_t map[TABLES_PAGES];	/* gpas that pages are mapped to */
	uint64_t large[TABLES_LARGE];
};

struct tables_vcpu {
	struct vcpu *vcpu;
	struct nested *nested;
	struct guest_pt *pt;
	uint64_t root;			/* gpa of the first of the tables on top */
	struct tables_window own, *window;	/* which may be another vCPU's */
	bool stale;			/* a table is gone: must not run */
};

struct tables {
	/* What was asked for. */
	enum tables_kind kind;
	unsigned long seed, steps;
	unsigned long pages;
	bool verbose;

	uint64_t random;
	uint64_t step;
	char what[96];			/* the step */
	const char *policy;

	struct vm *vm;
	unsigned char *stay;
	size_t stay_used;
	struct tables_slot slot[TABLES_SLOTS];
	struct tables_vcpu v[TABLES_VCPUS];
	struct tables_vcpu patrol;	/* its tables and memory stay */

	/* How much was seen. */
	uint64_t reads, written, remapped, refilled, built, passes;
};

/* zap_tables_model.c: slots, and the memory behind them */

uint64_t tables_mix(uint64_t n);
uint64_t tables_random(struct tables *t);
static inline uint64_t tables_below(struct tables *t, uint64_t n)
{
	return tables_random(t) % n;
}

/* Once for each case; the memory is used again. */
void tables_slots(struct tables *t);
void tables_slots_free(struct tables *t);

/* With other memory; without any tables in it. */
void tables_slot_create(struct tables *t, struct tables_slot *s, unsigned int place);
void tables_slot_delete(struct tables *t, struct tables_slot *s);
void tables_slot_move(struct tables *t, struct tables_slot *s);
void tables_slot_toggle_log(struct tables *t, struct tables_slot *s);

/* The slot that is at @gpa, and which page of it that is; NULL: none. */
struct tables_slot *tables_slot_at(struct tables *t, uint64_t gpa, uint32_t *page);
uint64_t tables_slot_gpa(const struct tables_slot *s, uint32_t page);
/* The slot whose area @gpa is in. */
struct tables_slot *tables_slot_of(struct tables *t, uint64_t gpa);
void *tables_hva(struct tables *t, uint64_t gpa);

/* What the guest has to find there. */
uint64_t tables_expected(struct tables *t, uint64_t gpa);
void tables_wrote(struct tables *t, uint64_t gpa, uint64_t value);

/* All memory, that which is not behind a slot included, against the model. */
bool tables_memory_is_right(struct tables *t);

/* The case fails. */
void tables_fail(struct tables *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* zap_tables_build.c: page tables */

/* Some page of data, of a slot that may be absent. */
uint64_t tables_pick(struct tables *t);
/* Does a table of the vCPU lie in the slot? */
bool tables_uses(struct tables *t, const struct tables_vcpu *v, const struct tables_slot *s);
/*
 * The slot was re-created where it was: put new tables where those of the vCPUs
 * were, with other mappings.
 */
void tables_refill(struct tables *t, struct tables_slot *s);
/* New tables for each vCPU that is stale. */
void tables_build(struct tables *t);
/* Guest physical address of the entry that maps page @i, and which table has it. */
uint64_t tables_entry(struct tables_window *win, uint32_t i, uint32_t *pt);
/* What an entry for @gpa is. */
uint64_t tables_pte(const struct tables *t, uint64_t gpa);

/* zap_tables_world.c */
void tables_create(struct tables *t);
void tables_destroy(struct tables *t);
void tables_patrol_start(struct tables *t);
void tables_patrol_stop(struct tables *t);

/* zap_tables_steps.c */
void tables_step(struct tables *t);
/* Does each vCPU find all that it should, and did nobody write elsewhere? */
bool tables_all_is_right(struct tables *t);

#endif
