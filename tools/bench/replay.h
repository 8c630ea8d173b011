/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kvm-zap-bench replay reads from a recording of kvm-zap record (record.h), and how
 * it repeats it. Recordings are not trusted. If one is wrong, a message names the file,
 * the line, the field and what would be right, and the program exits with status 1.
 */
#ifndef KVM_ZAP_REPLAY_H
#define KVM_ZAP_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_FORMAT	1	/* as RECORD_FORMAT */
#define REPLAY_SLOTS	32764	/* KVM's ids are below that */
#define REPLAY_SPACES	2
#define REPLAY_UNKNOWN	UINT64_MAX

enum replay_change { REPLAY_CREATE, REPLAY_DELETE, REPLAY_MOVE, REPLAY_FLAGS };

/* A memslot as it is at some time. */
struct replay_region {
	uint64_t gfn, pages;
	uint32_t flags;
};

struct replay_slot {
	uint32_t as_id, id;
	unsigned long line;		/* that names it first */
	bool at_start;			/* it was there before */
	struct replay_region start;
	bool live;			/* while lines are checked */
	struct replay_region now;

	/* By replay_plan(). */
	uint64_t max_pages, max_own;
	void *backing;
};

struct replay_update {
	unsigned long line;
	enum replay_change change;
	size_t slot;			/* of replay.slots */
	uint64_t at_ns;
	struct replay_region region;	/* afterwards; of what is deleted, before */
	uint64_t from_gfn;		/* where it was before, by replay_check() of all */
	uint64_t mapped;		/* in the VM before it; the same */
	uint64_t own;			/* ... of the memslot; the same */

	/* By replay_plan(): pages that the guest is to have touched. */
	uint64_t touch_own, touch_rest;
};

/* Guest memory from and to; both are multiples of 1 GiB. */
struct replay_range {
	uint64_t from, end, to;
};

struct replay {
	const char *path;
	size_t nr_updates, nr_slots, nr_ranges;
	struct replay_update *updates;
	struct replay_slot *slots;
	struct replay_range *ranges;
	unsigned long invalidations;	/* deletions and moves */
	unsigned long others;		/* invalidations that are no update's */
	unsigned long assumed;		/* invalidations whose memslot's share is not known */
	unsigned long unknown;		/* of which it is not known what was mapped at all */

	/* By replay_plan(). */
	double scale;			/* of what is mapped */
	uint64_t rest_pages;		/* of memory beside the memslots, at most */
	uint64_t slot_bytes;		/* of guest memory that has memslots, in all */
};

/* Read all of it, and check each line (replay_file.c). */
void replay_read(struct replay *r, const char *path);

/* Checks an update by what there is, and makes it so (replay_check.c). */
void replay_check(struct replay *r);

/*
 * How much the guest touches before each invalidation, with at most @max_bytes of the
 * host's memory, and where memslots go, from @base on (replay_plan.c).
 */
void replay_plan(struct replay *r, uint64_t max_bytes, uint64_t base);
/* Where the page @gfn of the recording is. */
uint64_t replay_place(const struct replay *r, uint64_t gfn);

/* Says what is wrong with @line of the file, and exits. */
void replay_bad(const struct replay *r, unsigned long line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#endif
