// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of zap_tables_test: where they lie, and what they map. The host writes a
 * table before it is used, and does not change it while its slot exists.
 */
#include <string.h>

#include "zap_tables.h"

/* Of L1's own tables: present, writable, user, accessed, dirty; large. */
#define FLAGS		0x067UL
#define FLAG_LARGE	0x080UL
#define ADDRESS		0x000ffffffffff000UL

#define INDEX(gva, level)	((gva) >> (12 + 9 * ((level) - 1)) & 511)

/* Where the tables of one vCPU are put. */
struct placing {
	enum { FROM_FIRST, FROM_LAST, FROM_ANYWHERE } from;	/* in a slot */
	bool mixed;		/* each into a slot of its own choice */
	struct tables_slot *top, *lower;
};

/* The library's tables on top, in a row: the root, and all for guest code. */
static uint32_t top_tables(const struct tables *t)
{
	return t->kind == TABLES_L1 ? 3 : 4;
}

/* An entry of the tables in question that points to a table, or maps a page of @page. */
static uint64_t table_entry(const struct tables *t, uint64_t gpa)
{
	return t->kind == TABLES_L1 ? gpa | FLAGS : nested_table_entry(t->v[0].nested, gpa);
}

static uint64_t page_entry(const struct tables *t, uint64_t gpa, unsigned long page)
{
	if (t->kind == TABLES_L2)
		return nested_page_entry(t->v[0].nested, gpa, page);
	return gpa | FLAGS | (page == VM_2M ? FLAG_LARGE : 0);
}

uint64_t tables_pte(const struct tables *t, uint64_t gpa)
{
	return page_entry(t, gpa, VM_4K);
}

static uint32_t free_pages(const struct tables_slot *s)
{
	uint32_t page, nr = 0;

	for (page = 0; page < s->npages; page++)
		nr += s->role[page] == TABLES_FREE;
	return s->present ? nr : 0;
}

/* Gpa of @nr pages in a row that are for tables and not in use; 0: none. */
static uint64_t free_run(struct tables *t, const struct placing *p, struct tables_slot *s,
			 uint32_t nr)
{
	uint32_t i, j, page, start = tables_below(t, s->npages);

	if (!s->present || s->npages < nr)
		return 0;
	for (i = 0; i < s->npages; i++) {
		page = p->from == FROM_FIRST ? i : p->from == FROM_LAST ? s->npages - 1 - i :
		       (start + i) % s->npages;
		if (page + nr > s->npages)
			continue;
		for (j = 0; j < nr && s->role[page + j] == TABLES_FREE; j++)
			;
		if (j == nr)
			return tables_slot_gpa(s, page);
	}
	return 0;
}

static void use(struct tables *t, uint64_t gpa, uint32_t nr)
{
	uint32_t page;
	struct tables_slot *s = tables_slot_at(t, gpa, &page);

	memset(tables_hva(t, gpa), 0, nr * SZ_4K);
	memset(s->role + page, TABLES_USED, nr);
}

/* Memory for @nr tables, if possible in @home; 0 if there is none. */
static uint64_t place_tables(struct tables *t, const struct placing *p,
			     struct tables_slot *home, uint32_t nr)
{
	unsigned int i, start = tables_below(t, TABLES_SLOTS);
	uint64_t gpa = p->mixed ? 0 : free_run(t, p, home, nr);

	for (i = 0; i < TABLES_SLOTS && !gpa; i++)
		gpa = free_run(t, p, &t->slot[(start + i) % TABLES_SLOTS], nr);
	if (gpa)
		use(t, gpa, nr);
	return gpa;
}

uint64_t tables_pick(struct tables *t)
{
	struct tables_slot *s;
	uint32_t page;

	for (;;) {
		s = &t->slot[tables_below(t, TABLES_SLOTS)];
		/* A load from nowhere is a slow one, and there is not much to see. */
		if (!s->present && tables_below(t, 8))
			continue;
		switch (tables_below(t, 8)) {
		case 0:
			page = 0;
			break;
		case 1:
			page = s->npages - 1;
			break;
		default:
			page = tables_below(t, s->npages);
		}
		if (s->role[page] == TABLES_DATA)
			return tables_slot_gpa(s, page);
	}
}

/* 2M in or around some slot, of which the slot may have only a part. */
static uint64_t pick_large(struct tables *t)
{
	struct tables_slot *s = &t->slot[tables_below(t, TABLES_SLOTS)];

	return tables_slot_gpa(s, tables_below(t, s->npages)) & -SZ_2M;
}

uint64_t tables_entry(struct tables_window *win, uint32_t i, uint32_t *pt)
{
	uint64_t gva = TABLES_GVA + (uint64_t)i * win->stride;

	*pt = (gva - TABLES_GVA) / SZ_2M;
	return win->pt[*pt] + 8 * INDEX(gva, 1);
}

static void write_pt(struct tables *t, struct tables_window *win, uint32_t nr)
{
	uint64_t entry, next = 0;
	struct tables_slot *s;
	uint32_t i, pt, page;

	for (i = 0; i < t->pages; i++) {
		entry = tables_entry(win, i, &pt);
		if (pt != nr)
			continue;
		/* Neighbours are often mapped to neighbours. */
		s = next && tables_below(t, 2) ? tables_slot_at(t, next, &page) : NULL;
		win->map[i] = s && s->role[page] == TABLES_DATA ? next : tables_pick(t);
		next = win->map[i] + SZ_4K;
		*(uint64_t *)tables_hva(t, entry) = tables_pte(t, win->map[i]);
	}
}

static void write_pd(struct tables *t, struct tables_window *win)
{
	uint64_t *pd = tables_hva(t, win->pd);
	uint32_t i;

	for (i = 0; i < win->nr_pts; i++)
		pd[INDEX(TABLES_GVA, 2) + i] = table_entry(t, win->pt[i]);
	pd[INDEX(TABLES_ALIAS, 2)] = table_entry(t, win->alias);
}

static void write_large(struct tables *t, struct tables_window *win)
{
	uint64_t *pd = tables_hva(t, win->large_pd);
	uint32_t i;

	for (i = 0; i < TABLES_LARGE; i++) {
		win->large[i] = pick_large(t);
		pd[INDEX(TABLES_LARGE_GVA, 2) + i] = page_entry(t, win->large[i], VM_2M);
	}
}

static void write_alias(struct tables *t, struct tables_window *win)
{
	uint64_t *pt = tables_hva(t, win->alias);
	uint32_t i;

	for (i = 0; i < win->nr_pts; i++)
		pt[INDEX(TABLES_ALIAS, 1) + i] = tables_pte(t, win->pt[i]);
}

/* All that is above the window. */
static void write_top(struct tables *t, struct tables_vcpu *v)
{
	unsigned char *top = tables_hva(t, v->root);
	uint64_t pdpt;

	if (t->kind == TABLES_L1) {
		guest_pt_free(v->pt);
		v->pt = guest_pt_create(t->vm, v->root, top, top_tables(t) * SZ_4K);
		vcpu_set_pt(v->vcpu, v->pt);
	} else {
		nested_npt(v->nested, v->root, top, top_tables(t) * SZ_4K);
	}
	pdpt = ((uint64_t *)top)[INDEX(TABLES_GVA, 4)] & ADDRESS;
	top += pdpt - v->root;
	((uint64_t *)top)[INDEX(TABLES_GVA, 3)] = table_entry(t, v->window->pd);
	((uint64_t *)top)[INDEX(TABLES_LARGE_GVA, 3)] = table_entry(t, v->window->large_pd);
}

static bool window_uses(struct tables *t, const struct tables_window *win,
			const struct tables_slot *s)
{
	uint32_t i;

	if (tables_slot_of(t, win->pd) == s || tables_slot_of(t, win->large_pd) == s ||
	    tables_slot_of(t, win->alias) == s)
		return true;
	for (i = 0; i < win->nr_pts; i++)
		if (tables_slot_of(t, win->pt[i]) == s)
			return true;
	return false;
}

bool tables_uses(struct tables *t, const struct tables_vcpu *v, const struct tables_slot *s)
{
	return v->root && (tables_slot_of(t, v->root) == s || window_uses(t, v->window, s));
}

static void window_refill(struct tables *t, struct tables_window *win,
			  const struct tables_slot *s)
{
	uint32_t i;

	for (i = 0; i < win->nr_pts; i++) {
		if (tables_slot_of(t, win->pt[i]) == s) {
			use(t, win->pt[i], 1);
			write_pt(t, win, i);
		}
	}
	if (tables_slot_of(t, win->pd) == s) {
		use(t, win->pd, 1);
		write_pd(t, win);
	}
	if (tables_slot_of(t, win->large_pd) == s) {
		use(t, win->large_pd, 1);
		write_large(t, win);
	}
	if (tables_slot_of(t, win->alias) == s) {
		use(t, win->alias, 1);
		write_alias(t, win);
	}
}

void tables_refill(struct tables *t, struct tables_slot *s)
{
	struct tables_vcpu *v;

	for (v = t->v; v < t->v + TABLES_VCPUS; v++) {
		if (!v->stale)
			continue;
		/* A vCPU that shares it is stale as well, or has none of it there. */
		if (v->window == &v->own)
			window_refill(t, v->window, s);
		if (tables_slot_of(t, v->root) == s) {
			use(t, v->root, top_tables(t));
			write_top(t, v);
		}
		t->refilled++;
	}
	for (v = t->v; v < t->v + TABLES_VCPUS; v++)
		v->stale = false;
}

static bool window_build(struct tables *t, const struct placing *p, struct tables_window *win)
{
	static const uint32_t strides[] = { 1, 2, 5, TABLES_STRIDE };
	uint32_t i;

	win->stride = strides[tables_below(t, ARRAY_SIZE(strides))] * SZ_4K;
	win->nr_pts = (t->pages * (uint64_t)win->stride + SZ_2M - 1) / SZ_2M;
	win->pd = place_tables(t, p, p->lower, 1);
	for (i = 0; i < win->nr_pts; i++) {
		win->pt[i] = place_tables(t, p, p->lower, 1);
		if (!win->pt[i])
			return false;
	}
	win->large_pd = place_tables(t, p, p->lower, 1);
	win->alias = place_tables(t, p, p->lower, 1);
	if (!win->pd || !win->large_pd || !win->alias)
		return false;
	for (i = 0; i < win->nr_pts; i++)
		write_pt(t, win, i);
	write_pd(t, win);
	write_large(t, win);
	write_alias(t, win);
	return true;
}

/* A slot that has memory for tables. */
static struct tables_slot *pick_home(struct tables *t, uint32_t nr)
{
	unsigned int i, start = tables_below(t, TABLES_SLOTS);

	for (i = 0; i < TABLES_SLOTS; i++)
		if (free_pages(&t->slot[(start + i) % TABLES_SLOTS]) >= nr)
			break;
	return &t->slot[(start + i) % TABLES_SLOTS];
}

static bool build(struct tables *t, struct tables_vcpu *v)
{
	struct placing p = { .from = tables_below(t, 3), .mixed = !tables_below(t, 4) };

	p.top = pick_home(t, top_tables(t));
	p.lower = tables_below(t, 2) ? p.top : pick_home(t, 4);
	/* Another's window, if that one has its own. */
	if (v != t->v && !t->v[0].stale && !tables_below(t, 4)) {
		v->window = &t->v[0].own;
	} else {
		v->window = &v->own;
		if (!window_build(t, &p, &v->own))
			return false;
	}
	v->root = place_tables(t, &p, p.top, top_tables(t));
	if (!v->root)
		return false;
	write_top(t, v);
	v->stale = false;
	t->built++;
	return true;
}

void tables_build(struct tables *t)
{
	struct tables_vcpu *v;
	struct tables_slot *s;

	for (v = t->v; v < t->v + TABLES_VCPUS; v++) {
		if (!v->stale)
			continue;
		/* The tables of its window are about to become others. */
		if (v == t->v && t->v[1].window == &v->own)
			t->v[1].stale = true;
		if (build(t, v))
			continue;
		/* Everything is full: empty the largest, and see who used that. */
		v->root = 0;
		s = &t->slot[8];
		if (s->present)
			tables_slot_delete(t, s);
		tables_slot_create(t, s, tables_below(t, 2));
		v = t->v - 1;
	}
}
