// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check the updates of a recording one after the other: an update that KVM would refuse,
 * or that contradicts an earlier line, is refused. See replay.h.
 *
 * If the first line of a memslot does not create it, the memslot existed at the start,
 * and that line describes it.
 */
#include <stdlib.h>

#include "replay.h"
#include "vm.h"

static bool overlap(const struct replay_region *a, const struct replay_region *b)
{
	return a->gfn < b->gfn + b->pages && b->gfn < a->gfn + a->pages;
}

/* The memslot @except may be where it wants to be. */
static void check_free(const struct replay *r, unsigned long line, size_t except,
		       const struct replay_region *region)
{
	const struct replay_slot *slot = &r->slots[except], *s;
	size_t i;

	for (i = 0; i < r->nr_slots; i++) {
		s = &r->slots[i];
		if (i == except || !s->live || s->as_id != slot->as_id ||
		    !overlap(&s->now, region))
			continue;
		replay_bad(r, line, "'gfn': slot %u at %lu, %lu pages, overlaps slot %u at %lu, %lu pages, of line %lu: KVM refuses that",
			   slot->id, region->gfn, region->pages, s->id, s->now.gfn, s->now.pages,
			   s->line);
	}
}

static void check_same(const struct replay *r, const struct replay_update *u, const char *field,
		       uint64_t value, uint64_t now)
{
	if (value != now)
		replay_bad(r, u->line, "'%s': %lu: slot %u has %lu: give that", field, value,
			   r->slots[u->slot].id, now);
}

static void found_at_start(struct replay *r, const struct replay_update *u)
{
	struct replay_slot *slot = &r->slots[u->slot];

	slot->at_start = true;
	slot->start = u->region;
	if (u->change == REPLAY_FLAGS)
		/* KVM lets no other flag change. */
		slot->start.flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	if (u->change != REPLAY_MOVE)
		return;
	if (u->from_gfn == REPLAY_UNKNOWN)
		replay_bad(r, u->line, "'zap': null: no line says where slot %u was before it moved: give an invalidation with its 'gfn'",
			   slot->id);
	slot->start.gfn = u->from_gfn;
}

static void put_start(struct replay *r)
{
	size_t i;

	for (i = 0; i < r->nr_updates; i++)
		if (r->slots[r->updates[i].slot].line == r->updates[i].line &&
		    r->updates[i].change != REPLAY_CREATE)
			found_at_start(r, &r->updates[i]);
	for (i = 0; i < r->nr_slots; i++) {
		struct replay_slot *slot = &r->slots[i];

		if (!slot->at_start)
			continue;
		check_free(r, slot->line, i, &slot->start);
		slot->live = true;
		slot->now = slot->start;
	}
}

static void check_create(struct replay *r, const struct replay_update *u)
{
	const struct replay_slot *slot = &r->slots[u->slot];

	if (slot->live)
		replay_bad(r, u->line, "'change': \"create\": slot %u is there already, at %lu, %lu pages: delete it first",
			   slot->id, slot->now.gfn, slot->now.pages);
	check_free(r, u->line, u->slot, &u->region);
}

static void check_delete(struct replay *r, const struct replay_update *u)
{
	const struct replay_region *now = &r->slots[u->slot].now;

	check_same(r, u, "gfn", u->region.gfn, now->gfn);
	check_same(r, u, "pages", u->region.pages, now->pages);
	check_same(r, u, "flags", u->region.flags, now->flags);
}

static void check_move(struct replay *r, const struct replay_update *u)
{
	const struct replay_region *now = &r->slots[u->slot].now;

	check_same(r, u, "pages", u->region.pages, now->pages);
	check_same(r, u, "flags", u->region.flags, now->flags);
	if (u->region.gfn == now->gfn)
		replay_bad(r, u->line, "'gfn': %lu: slot %u is there already: give another, or another change",
			   now->gfn, r->slots[u->slot].id);
	check_free(r, u->line, u->slot, &u->region);
}

static void check_flags(struct replay *r, const struct replay_update *u)
{
	const struct replay_region *now = &r->slots[u->slot].now;

	check_same(r, u, "gfn", u->region.gfn, now->gfn);
	check_same(r, u, "pages", u->region.pages, now->pages);
	check_same(r, u, "flags", u->region.flags, now->flags ^ KVM_MEM_LOG_DIRTY_PAGES);
}

static void check(struct replay *r, struct replay_update *u)
{
	struct replay_slot *slot = &r->slots[u->slot];

	if (u->change == REPLAY_CREATE)
		check_create(r, u);
	else if (!slot->live)
		replay_bad(r, u->line, "'change': slot %u of address space %u was deleted before: only \"create\" may follow",
			   slot->id, slot->as_id);
	else if (u->change == REPLAY_DELETE)
		check_delete(r, u);
	else if (u->change == REPLAY_MOVE)
		check_move(r, u);
	else
		check_flags(r, u);
	if (u->from_gfn != REPLAY_UNKNOWN && u->from_gfn != slot->now.gfn)
		replay_bad(r, u->line, "'zap.gfn': %lu: slot %u is at %lu before: give that",
			   u->from_gfn, slot->id, slot->now.gfn);
	u->from_gfn = u->change == REPLAY_CREATE ? u->region.gfn : slot->now.gfn;
	slot->live = u->change != REPLAY_DELETE;
	slot->now = u->region;
	r->invalidations += u->change == REPLAY_DELETE || u->change == REPLAY_MOVE;
}

void replay_check(struct replay *r)
{
	size_t i;

	put_start(r);
	for (i = 0; i < r->nr_updates; i++)
		check(r, &r->updates[i]);
	if (!r->invalidations)
		vm_die("%s: no memslot is deleted or moves: there is nothing to measure", r->path);
}
