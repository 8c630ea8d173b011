// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/bench/replay_plan.c makes of a recording: how much the guest touches before
 * each invalidation, at which scale, and where memslots go. record_test.sh builds and runs
 * it. KTAP.
 *
 * What breaks without it: the replay maps more of a memslot than there is, takes scoped for
 * cheaper than it was, or puts a memslot where another one is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_slot.h"
#include "replay.h"
#include "unit.h"

#define UNKNOWN		REPLAY_UNKNOWN
#define GIB		(SZ_1G / SZ_4K)		/* in pages */
#define PLENTY		(1000000 * SZ_1G)

/* As bench_slot.c has it: the numbers below are made for that. */
uint64_t slot_sparse_bytes(uint64_t bytes, uint64_t pages)
{
	return pages * 3 * SZ_4K + bytes / SZ_4K * 16;
}

/* Of memslot @slot, which has @pages; @own of @mapped are its. */
static struct replay_update update(enum replay_change change, size_t slot, uint64_t pages,
				   uint64_t own, uint64_t mapped)
{
	return (struct replay_update){ .change = change, .slot = slot,
				       .region = { .gfn = slot * GIB, .pages = pages },
				       .own = own, .mapped = mapped };
}

static struct replay recording(struct replay_slot *slots, size_t nr_slots,
			       struct replay_update *updates, size_t nr_updates)
{
	return (struct replay){ .path = "FILE", .slots = slots, .nr_slots = nr_slots,
				.updates = updates, .nr_updates = nr_updates };
}

static void touches(const char *what, const struct replay_update *u, uint64_t own, uint64_t rest)
{
	char text[80];

	snprintf(text, sizeof(text), "%s: of the memslot", what);
	ktap_equal(text, u->touch_own, own);
	snprintf(text, sizeof(text), "%s: beside it", what);
	ktap_equal(text, u->touch_rest, rest);
}

static void shares(void)
{
	struct replay_slot slots[3] = { { }, { }, { .as_id = 1 } };
	struct replay_update u[] = {
		/* Not known, nor before: as much as is possible. */
		update(REPLAY_DELETE, 0, 100, UNKNOWN, 1000),
		update(REPLAY_DELETE, 0, 100, UNKNOWN, 60),
		/* Known from here on, also after what maps nothing. */
		update(REPLAY_MOVE, 0, 100, 30, 500),
		update(REPLAY_CREATE, 0, 120, UNKNOWN, UNKNOWN),
		update(REPLAY_DELETE, 0, 100, UNKNOWN, 800),
		update(REPLAY_DELETE, 0, 100, UNKNOWN, 20),
		/* Of each memslot for itself, and the latest. */
		update(REPLAY_DELETE, 1, 50, 7, 9),
		update(REPLAY_DELETE, 1, 50, 8, 9),
		update(REPLAY_DELETE, 1, 50, UNKNOWN, 9),
		/* Pages are mapped twice. */
		update(REPLAY_DELETE, 1, 50, 70, 90),
		/* SMM's memory. */
		update(REPLAY_DELETE, 2, 50, 40, 90),
		/* Not known at all. */
		update(REPLAY_DELETE, 1, 50, 3, UNKNOWN),
		update(REPLAY_DELETE, 1, 50, UNKNOWN, 60),
		update(REPLAY_FLAGS, 1, 51, 3, 5),
	};
	struct replay r = recording(slots, 3, u, ARRAY_SIZE(u));

	replay_plan(&r, PLENTY, VM_RAM_GPA);
	touches("all of it", &u[0], 100, 900);
	touches("all that is mapped", &u[1], 60, 0);
	touches("known", &u[2], 30, 470);
	touches("created", &u[3], 0, 0);
	touches("known before", &u[4], 30, 770);
	touches("no more than is mapped", &u[5], 20, 0);
	touches("another one", &u[6], 7, 2);
	touches("the latest", &u[8], 8, 1);
	touches("mapped twice", &u[9], 50, 40);
	touches("SMM", &u[10], 0, 90);
	touches("unknown", &u[11], 0, 0);
	touches("as before that", &u[12], 50, 10);
	touches("flags", &u[13], 0, 0);
	ktap_equal("assumed", r.assumed, 2);
	ktap_equal("unknown", r.unknown, 1);
	ktap_equal("beside memslots", r.rest_pages, 900);
	ktap_equal("of the first, at most", slots[0].max_own, 100);
	ktap_equal("its size, at most", slots[0].max_pages, 120);
	ktap_equal("of the second, at most", slots[1].max_own, 50);
	ktap_equal("its size, at most", slots[1].max_pages, 51);
	ktap_equal("of SMM's", slots[2].max_own, 0);
	ktap_equal("no scale", r.scale == 1, 1);
	ktap_result("what was mapped is shared as it is known, or to the disadvantage of scoped");
}

static const char too_little[] =
	"FILE: the recording's memslots alone take 1 MiB of tables: give --max-memory 2 or more";

/* Memory for a half of it, and for tables. */
static void scales(void)
{
	struct replay_slot slots[2] = { };
	struct replay_update u[] = {
		update(REPLAY_DELETE, 0, 4000, 1000, 10000),
		update(REPLAY_DELETE, 1, 100, 1, 2),
		update(REPLAY_DELETE, 1, 100, 0, 0),
	};
	struct replay r = recording(slots, 2, u, ARRAY_SIZE(u));
	/* 16 bytes for each page of memslots and beside them; 16 for each 2 MiB of 2 GiB. */
	uint64_t tables = (4000 + 100 + 9000) * 16 + 1024 * 16;
	uint64_t all = (1000 + 1 + 9000) * 3 * SZ_4K;

	replay_plan(&r, tables + all, VM_RAM_GPA);
	ktap_equal("just enough", r.scale == 1 && u[0].touch_rest == 9000, 1);
	r = recording(slots, 2, u, ARRAY_SIZE(u));
	memset(slots, 0, sizeof(slots));
	replay_plan(&r, tables + all - 1, VM_RAM_GPA);
	ktap_equal("a byte less", r.scale < 1 && u[0].touch_rest == 8999, 1);
	r = recording(slots, 2, u, ARRAY_SIZE(u));
	memset(slots, 0, sizeof(slots));
	replay_plan(&r, tables + all / 2, VM_RAM_GPA);
	ktap_equal("a half", r.scale > 0.4999 && r.scale < 0.5001, 1);
	touches("a half", &u[0], 500, 4500);
	touches("one page is one", &u[1], 1, 1);
	touches("nothing is nothing", &u[2], 0, 0);
	ktap_equal("beside memslots", r.rest_pages, 4500);
	ktap_equal("of the first, at most", slots[0].max_own, 500);
	ktap_equal("of the second, at most", slots[1].max_own, 1);
	ktap_equal("sizes stay", slots[0].max_pages, 4000);
	ktap_result("too little memory makes all smaller alike, but sizes of memslots");

	r = recording(slots, 2, u, ARRAY_SIZE(u));
	memset(slots, 0, sizeof(slots));
	if (unit_tries())
		replay_plan(&r, tables, VM_RAM_GPA);
	ktap_text("said", unit_died, too_little);
	ktap_result("memory for tables alone is too little");
}

static void places(void)
{
	struct replay_slot slots[3] = {
		{ .at_start = true, .start = { .gfn = 10, .pages = 20 } },
		{ .at_start = true, .start = { .gfn = 7 * GIB + 1, .pages = 2 } },
		{ .start = { .gfn = 1000 * GIB, .pages = 1 } },
	};
	struct replay_update u[] = {
		update(REPLAY_DELETE, 0, 20, 5, 5 + GIB + 1),
		update(REPLAY_CREATE, 2, 3, UNKNOWN, UNKNOWN),
		update(REPLAY_CREATE, 1, GIB, UNKNOWN, UNKNOWN),
		update(REPLAY_CREATE, 1, 5 * GIB / 2, UNKNOWN, UNKNOWN),
	};
	struct replay r = recording(slots, 3, u, ARRAY_SIZE(u));
	uint64_t base = VM_RAM_GPA + 2 * SZ_1G;	/* behind what is beside: 1 GiB and a page */

	u[0].region.gfn = 10;
	u[1].region.gfn = 500 * GIB + 7;
	u[2].region.gfn = 9 * GIB;
	u[3].region.gfn = 13 * GIB / 2;
	replay_plan(&r, PLENTY, VM_RAM_GPA);
	/*
	 * 0 to 1; 6 to 9, with 7 to 8 in it, and what touches it, to 10; 500. A memslot that is
	 * not there has no place.
	 */
	ktap_equal("ranges", r.nr_ranges, 3);
	ktap_equal("from", r.ranges[1].from, 6 * GIB);
	ktap_equal("to", r.ranges[1].end, 10 * GIB);
	ktap_equal("all of them", r.slot_bytes, 6 * SZ_1G);
	ktap_equal("the first page", replay_place(&r, 0), base);
	ktap_equal("in the first GiB", replay_place(&r, 10), base + 10 * SZ_4K);
	ktap_equal("behind the gap", replay_place(&r, 6 * GIB), base + SZ_1G);
	ktap_equal("over a GiB", replay_place(&r, 8 * GIB + 3), base + 3 * SZ_1G + 3 * SZ_4K);
	ktap_equal("its last page", replay_place(&r, 10 * GIB - 1), base + 5 * SZ_1G - SZ_4K);
	ktap_equal("behind two gaps", replay_place(&r, 500 * GIB + 7),
		   base + 5 * SZ_1G + 7 * SZ_4K);
	ktap_result("memslots keep their distance by whole GiB, and none goes where another is");
}

int main(void)
{
	ktap_start(4);
	shares();
	scales();
	places();
	return ktap_end();
}
