// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plan how much the guest of kvm-zap-bench replay touches, and where its memslots are.
 * See replay.h.
 *
 * A mapping (leaf SPTE) of the recording becomes one of 4 KiB, whatever it was. How much
 * of the deleted memslot was mapped is known if scoped dropped it, now or at an earlier
 * deletion of the same memslot. Otherwise, the plan assumes as much as is possible. That
 * does not flatter scoped, which has to do that work. The rest of what was mapped becomes
 * memory beside the memslots.
 */
#include <stdlib.h>

#include "bench_slot.h"
#include "replay.h"
#include "vm.h"

#define GIB_PAGES	(SZ_1G / SZ_4K)

static bool drops(const struct replay_update *u)
{
	return u->change == REPLAY_DELETE || u->change == REPLAY_MOVE;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What was mapped, of the memslot and beside it, before any scale. */
static void plan_update(struct replay *r, struct replay_update *u, uint64_t *known)
{
	struct replay_slot *slot = &r->slots[u->slot];
	uint64_t own = u->own != REPLAY_UNKNOWN ? u->own : *known;

	slot->max_pages = max(slot->max_pages, u->region.pages);
	if (!drops(u))
		return;
	if (u->mapped == REPLAY_UNKNOWN) {
		r->unknown++;
		return;
	}
	if (u->own != REPLAY_UNKNOWN)
		*known = u->own;
	else
		r->assumed += *known == REPLAY_UNKNOWN;
	/* A page that is mapped twice is touched once; SMM's memory not at all. */
	u->touch_own = slot->as_id ? 0 : min(min(own, u->region.pages), u->mapped);
	u->touch_rest = u->mapped - u->touch_own;
	slot->max_own = max(slot->max_own, u->touch_own);
	r->rest_pages = max(r->rest_pages, u->touch_rest);
}

static void plan_updates(struct replay *r)
{
	uint64_t *known = malloc(r->nr_slots * sizeof(*known));
	size_t i;

	if (!known)
		vm_die("out of memory");
	for (i = 0; i < r->nr_slots; i++)
		known[i] = REPLAY_UNKNOWN;
	for (i = 0; i < r->nr_updates; i++)
		plan_update(r, &r->updates[i], &known[r->updates[i].slot]);
	free(known);
}

static uint64_t scaled(double scale, uint64_t pages)
{
	uint64_t n = pages * scale;

	return pages && !n ? 1 : n;
}

static void scale_down(struct replay *r, uint64_t max_bytes)
{
	uint64_t pages = r->rest_pages, slots = slot_sparse_bytes(r->rest_pages * SZ_4K, 0), need;
	size_t i;

	for (i = 0; i < r->nr_slots; i++) {
		pages += r->slots[i].max_own;
		slots += slot_sparse_bytes(r->slots[i].max_pages * SZ_4K, 0);
	}
	/* Tables of the guest: 8 bytes each 2 MiB, and those above. */
	slots += r->slot_bytes / SZ_2M * 16;
	if (slots >= max_bytes)
		vm_die("%s: the recording's memslots alone take %lu MiB of tables: give --max-memory %lu or more",
		       r->path, slots / SZ_1M + 1, 2 * (slots / SZ_1M + 1));
	need = slot_sparse_bytes(0, pages);
	r->scale = need <= max_bytes - slots ? 1 : (double)(max_bytes - slots) / need;
	r->rest_pages = scaled(r->scale, r->rest_pages);
	for (i = 0; i < r->nr_slots; i++)
		r->slots[i].max_own = scaled(r->scale, r->slots[i].max_own);
	for (i = 0; i < r->nr_updates; i++) {
		r->updates[i].touch_own = scaled(r->scale, r->updates[i].touch_own);
		r->updates[i].touch_rest = scaled(r->scale, r->updates[i].touch_rest);
	}
}

/* Places -------------------------------------------------------------------- */

static void add_range(struct replay *r, uint64_t gfn, uint64_t pages)
{
	r->ranges[r->nr_ranges++] = (struct replay_range){
		.from = gfn / GIB_PAGES * GIB_PAGES,
		.end = (gfn + pages + GIB_PAGES - 1) / GIB_PAGES * GIB_PAGES,
	};
}

static int by_from(const void *left, const void *right)
{
	const struct replay_range *a = left, *b = right;

	return a->from < b->from ? -1 : a->from > b->from;
}

/* Gaps of whole GiB are left out: recordings reach farther than many a KVM's addresses. */
static void place(struct replay *r, uint64_t base)
{
	size_t i, nr = 0;

	free(r->ranges);
	r->nr_ranges = 0;
	r->ranges = calloc(r->nr_slots + r->nr_updates, sizeof(*r->ranges));
	if (!r->ranges)
		vm_die("out of memory");
	for (i = 0; i < r->nr_slots; i++)
		if (r->slots[i].at_start)
			add_range(r, r->slots[i].start.gfn, r->slots[i].start.pages);
	for (i = 0; i < r->nr_updates; i++)
		add_range(r, r->updates[i].region.gfn, r->updates[i].region.pages);
	qsort(r->ranges, r->nr_ranges, sizeof(*r->ranges), by_from);
	for (i = 1; i < r->nr_ranges; i++) {
		if (r->ranges[i].from <= r->ranges[nr].end)
			r->ranges[nr].end = max(r->ranges[nr].end, r->ranges[i].end);
		else
			r->ranges[++nr] = r->ranges[i];
	}
	r->nr_ranges = nr + 1;
	r->slot_bytes = 0;
	for (i = 0; i < r->nr_ranges; i++) {
		r->ranges[i].to = base / SZ_4K + r->slot_bytes / SZ_4K;
		r->slot_bytes += (r->ranges[i].end - r->ranges[i].from) * SZ_4K;
	}
}

uint64_t replay_place(const struct replay *r, uint64_t gfn)
{
	size_t i;

	for (i = 0; i + 1 < r->nr_ranges && gfn >= r->ranges[i].end; i++)
		;
	return (gfn - r->ranges[i].from + r->ranges[i].to) * SZ_4K;
}

void replay_plan(struct replay *r, uint64_t max_bytes, uint64_t base)
{
	plan_updates(r);
	place(r, base);
	scale_down(r, max_bytes);
	/* Memory beside the memslots comes first; what it takes is known only now. */
	place(r, base + (r->rest_pages * SZ_4K + SZ_1G - 1) / SZ_1G * SZ_1G);
}
