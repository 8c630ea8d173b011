// SPDX-License-Identifier: GPL-2.0-only
/* Slots of zap_tables_test, and a model of the memory behind them. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "zap_tables.h"

/*
 * Small and large ones, for what is done with a slot depends on its size; with
 * borders at and between those of 2M pages; for data, for tables, and for both.
 * Place 1 is far enough from place 0 not to overlap it.
 */
static const struct tables_slot shapes[TABLES_SLOTS] = {
	{ .npages = 1024, .at = { 0, 4096 }, .percent = 6, .backing = VM_2M },
	{ .npages = 512, .at = { 0, 4352 }, .percent = 0, .backing = VM_4K },
	{ .npages = 515, .at = { 3, 4605 }, .percent = 10, .backing = VM_4K },
	{ .npages = 37, .at = { 5, 4196 }, .percent = 20, .backing = VM_4K },
	{ .npages = 1, .at = { 511, 4096 }, .percent = 0, .backing = VM_4K },
	{ .npages = 16, .at = { 9, 4096 }, .percent = 100, .backing = VM_4K },
	{ .npages = 9, .at = { 0, 4607 }, .percent = 100, .backing = VM_4K },
	{ .npages = 300, .at = { 1, 4608 }, .percent = 100, .backing = VM_4K },
	{ .npages = 512, .at = { 0, 4608 }, .percent = 100, .backing = VM_2M },
	{ .npages = 64, .at = { 32, 4577 }, .percent = 50, .backing = VM_4K },
	{ .npages = 1100, .at = { 500, 4096 }, .percent = 50, .backing = VM_2M },
};

/* A bijection whose values look random: the finalizer of splitmix64. */
uint64_t tables_mix(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9UL;
	n = (n ^ n >> 27) * 0x94d049bb133111ebUL;
	return n ^ n >> 31;
}

uint64_t tables_random(struct tables *t)
{
	t->random += 0x9e3779b97f4a7c15UL;
	return tables_mix(t->random) >> 1;
}

void tables_fail(struct tables *t, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ktap_check(false, "seed %lu, step %lu (%s), policy %s: %s", t->seed, t->step, t->what,
		   t->policy, text);
}

static size_t slot_bytes(const struct tables_slot *s)
{
	return s->npages * SZ_4K;
}

void tables_slots(struct tables *t)
{
	struct tables_slot *s;
	unsigned int i, b;
	uint32_t page;

	for (i = 0; i < TABLES_SLOTS; i++) {
		s = &t->slot[i];
		*s = shapes[i];
		s->id = i;
		s->role = calloc(1, s->npages);
		for (b = 0; b < 2; b++) {
			s->mem[b] = vm_backing_alloc(slot_bytes(s), s->backing);
			s->want[b] = calloc(s->npages, sizeof(*s->want[b]));
			if (!s->role || !s->want[b])
				vm_die("out of memory");
		}
		/* In fours: that many tables on top have to be in a row. */
		for (page = 0; page < s->npages; page++)
			if (tables_mix(t->seed + i * 4096 + page / 4) % 100 < s->percent)
				s->role[page] = TABLES_FREE;
	}
}

void tables_slots_free(struct tables *t)
{
	struct tables_slot *s;
	unsigned int b;

	for (s = t->slot; s < t->slot + TABLES_SLOTS; s++) {
		for (b = 0; b < 2; b++) {
			vm_backing_free(s->mem[b], slot_bytes(s));
			free(s->want[b]);
		}
		free(s->role);
	}
}

static uint64_t *word(const struct tables_slot *s, unsigned int b, uint32_t page)
{
	return (uint64_t *)(s->mem[b] + page * SZ_4K);
}

uint64_t tables_slot_gpa(const struct tables_slot *s, uint32_t page)
{
	return TABLES_GPA + s->id * TABLES_AREA + (s->at[s->place] + page) * SZ_4K;
}

struct tables_slot *tables_slot_of(struct tables *t, uint64_t gpa)
{
	return &t->slot[(gpa - TABLES_GPA) / TABLES_AREA];
}

struct tables_slot *tables_slot_at(struct tables *t, uint64_t gpa, uint32_t *page)
{
	struct tables_slot *s = tables_slot_of(t, gpa);
	uint64_t base = tables_slot_gpa(s, 0);

	if (!s->present || gpa < base || gpa - base >= slot_bytes(s))
		return NULL;
	*page = (gpa - base) / SZ_4K;
	return s;
}

void *tables_hva(struct tables *t, uint64_t gpa)
{
	uint32_t page;
	struct tables_slot *s = tables_slot_at(t, gpa, &page);

	if (!s)
		vm_die("the test is wrong: a table at 0x%lx, where no slot is", gpa);
	return s->mem[s->back] + page * SZ_4K + gpa % SZ_4K;
}

static void slot_set(struct tables *t, struct tables_slot *s)
{
	vm_set_slot(t->vm, s->id, s->flags, tables_slot_gpa(s, 0), slot_bytes(s),
		    s->mem[s->back]);
}

/* Whoever has a table there must not run any more. */
static void slot_vanishes(struct tables *t, struct tables_slot *s)
{
	unsigned int i;

	for (i = 0; i < TABLES_VCPUS; i++)
		t->v[i].stale |= tables_uses(t, &t->v[i], s);
}

void tables_slot_create(struct tables *t, struct tables_slot *s, unsigned int place)
{
	uint32_t page;

	s->back = !s->back;
	s->incarnation++;
	s->place = place;
	s->flags = tables_below(t, 4) ? 0 : KVM_MEM_LOG_DIRTY_PAGES;
	for (page = 0; page < s->npages; page++) {
		if (s->role[page] == TABLES_USED)
			s->role[page] = TABLES_FREE;
		s->want[s->back][page] = tables_mix((uint64_t)(s->id + 1) << 56 |
						    (uint64_t)s->incarnation << 24 | page);
		*word(s, s->back, page) = s->want[s->back][page];
	}
	s->present = true;
	slot_set(t, s);
}

void tables_slot_delete(struct tables *t, struct tables_slot *s)
{
	uint32_t page;

	slot_vanishes(t, s);
	vm_delete_slot(t->vm, s->id);
	s->present = false;
	/* From now on nobody may write here, tables or not. */
	for (page = 0; page < s->npages; page++)
		if (s->role[page] == TABLES_USED)
			s->want[s->back][page] = *word(s, s->back, page);
}

void tables_slot_move(struct tables *t, struct tables_slot *s)
{
	uint32_t page;

	slot_vanishes(t, s);
	s->place = !s->place;
	slot_set(t, s);
	/* Tables that were there are no tables any more: they are memory like other. */
	for (page = 0; page < s->npages; page++) {
		if (s->role[page] != TABLES_USED)
			continue;
		s->role[page] = TABLES_FREE;
		s->want[s->back][page] = *word(s, s->back, page);
	}
}

void tables_slot_toggle_log(struct tables *t, struct tables_slot *s)
{
	s->flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	slot_set(t, s);
}

uint64_t tables_expected(struct tables *t, uint64_t gpa)
{
	uint32_t page;
	struct tables_slot *s = tables_slot_at(t, gpa, &page);

	if (!s)
		return t->vm->mmio_value;
	return s->role[page] == TABLES_USED ? *word(s, s->back, page) : s->want[s->back][page];
}

void tables_wrote(struct tables *t, uint64_t gpa, uint64_t value)
{
	uint32_t page;
	struct tables_slot *s = tables_slot_at(t, gpa, &page);

	if (s)
		s->want[s->back][page] = value;
}

bool tables_memory_is_right(struct tables *t)
{
	unsigned int b, bad = 0;
	struct tables_slot *s;
	uint32_t page;

	for (s = t->slot; s < t->slot + TABLES_SLOTS; s++) {
		for (b = 0; b < 2; b++) {
			for (page = 0; page < s->npages; page++) {
				if ((s->present && b == s->back && s->role[page] == TABLES_USED) ||
				    *word(s, b, page) == s->want[b][page])
					continue;
				if (bad++ < 4)
					tables_fail(t, "memory %u of slot %u, %s, page %u of %u: 0x%lx, not 0x%lx as written",
						    b, s->id, s->present && b == s->back ?
						    "in use" : "not in use", page, s->npages,
						    *word(s, b, page), s->want[b][page]);
			}
		}
	}
	return !bad;
}
