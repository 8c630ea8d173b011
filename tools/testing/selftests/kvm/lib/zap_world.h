/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world of the content tests: a VM whose vCPUs watch memory (zap_guest.h) while slots
 * are deleted, created again over other memory, and moved.
 */
#ifndef KVM_ZAP_WORLD_H
#define KVM_ZAP_WORLD_H

#include "ktap.h"
#include "zap_guest.h"
#include "zap_lib.h"

#define WORLD_VCPUS	2

/* Guest memory that the tests put slots into, mapped at the same virtual address. */
#define WORLD_GPA	VM_RAM_GPA
#define WORLD_BYTES	SZ_64M

/* Code, clock and beats are in a slot of their own, which stays. */
#define WORLD_DESK_GPA	0x80000000UL
#define WORLD_DESK_SLOT	100

struct world {
	const char *policy;
	struct vm *vm;
	struct vcpu *vcpu[WORLD_VCPUS];
	unsigned long backing;		/* page size of the memory behind slots */
	unsigned char *desk;
	struct zap_clock *clock;
	struct zap_beat *beat[WORLD_VCPUS];
};

/* What world_pages[] has: each size of backing with each of the guest. */
struct world_pages {
	const char *name;
	unsigned long backing;
	unsigned long guest;
};

extern const struct world_pages world_pages[4];

/* Sets the parameter to @policy, too, unless that is NULL. */
struct world *world_create(const char *policy, const struct world_pages *pages);
void world_destroy(struct world *w);

/* Memory behind a slot, of the world's page size, stamped by world_stamp(). */
void *world_memory(struct world *w, size_t bytes, uint64_t gen);

/* Write each page's word, index 0 the first, and clear what was scribbled. */
void world_stamp(void *mem, size_t bytes, uint64_t gen);

/* A change of slots is under way; it is complete. */
void world_step_begin(struct world *w);
void world_step_end(struct world *w);

/*
 * What vCPU @i watches: @count pages from @gpa on, @stride bytes apart, the
 * first of which is page @index of its memory. It is there in the steps that
 * are @parity modulo 2, and each word says @gen or, where that is 0, the step.
 */
void world_watch(struct world *w, unsigned int i, uint64_t gpa, uint64_t count,
		 uint64_t stride, uint64_t index, uint64_t parity, uint64_t gen);

/* The same for what is there in every step. */
void world_watch_still(struct world *w, unsigned int i, uint64_t gpa, uint64_t count,
		       uint64_t stride, uint64_t index, uint64_t gen);

typedef uint64_t (*world_code)(volatile struct guest_cmd *cmd);

/* Let vCPU @i run @code in a thread, and end that: the case fails if it failed. */
void world_start(struct world *w, unsigned int i, world_code code);
void world_stop(struct world *w, unsigned int i);

/* Wait until vCPU @i has made two more full rounds. */
void world_rounds(struct world *w, unsigned int i);

/* One round of vCPU @i here and now; returns the MMIO exits that it took. */
uint64_t world_round(struct world *w, unsigned int i, world_code code);

/* How many of @count pages, @stride bytes apart, hold what a scribble left. */
unsigned int world_count_scribbles(const void *mem, uint64_t count, uint64_t stride);

/*
 * What vCPU @i finds here and now in @count pages from @gpa on: page @index of
 * the memory @gen and its followers; no slot; memory that may be written to.
 */
void world_expect(struct world *w, unsigned int i, uint64_t gpa, uint64_t count,
		  uint64_t index, uint64_t gen);
void world_expect_absent(struct world *w, unsigned int i, uint64_t gpa, uint64_t count);
void world_expect_writable(struct world *w, unsigned int i, uint64_t gpa, uint64_t count,
			   void *mem);

#endif
