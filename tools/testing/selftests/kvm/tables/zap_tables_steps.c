// SPDX-License-Identifier: GPL-2.0-only
/* Steps of zap_tables_test, and the checks after each. */
#include <string.h>

#include "zap_tables.h"

#define WRITE_PAGES	16
#define REMAP_PAGES	32
#define TOLD		4	/* bad pages */

static bool run_op(struct tables *t, struct tables_vcpu *v, const struct guest_op *op,
		   struct guest_result *res)
{
	struct guest_op call = *op;
	int ret;

	if (t->kind == TABLES_L2)
		call = nested_call(v->nested, op);
	ret = vcpu_exec(v->vcpu, &call, res);
	if (ret)
		tables_fail(t, "vCPU %u, operation %u at 0x%lx: %s (vector %u, error 0x%lx, rip 0x%lx, cr2 0x%lx)",
			    v->vcpu->id, op->op, op->start, vcpu_strerror(ret), res->vector,
			    res->error, res->rip, res->cr2);
	else if (t->kind == TABLES_L2 && nested_done(v->nested, res))
		tables_fail(t, "vCPU %u, L2, operation %u at 0x%lx: %s", v->vcpu->id, op->op,
			    op->start, nested_exit(v->nested));
	else
		return true;
	return false;
}

/* What a page of the windows is mapped to. */
static uint64_t mapped_to(const struct tables_window *win, uint64_t gva)
{
	if (gva < TABLES_LARGE_GVA)
		return win->map[(gva - TABLES_GVA) / win->stride];
	return win->large[(gva - TABLES_LARGE_GVA) / SZ_2M] + gva % SZ_2M;
}

static uint64_t expected_sum(struct tables *t, const struct tables_vcpu *v, uint64_t gva,
			     uint32_t pages, uint64_t stride)
{
	uint64_t sum = 0;

	for (; pages; pages--, gva += stride)
		sum += tables_expected(t, mapped_to(v->window, gva));
	return sum;
}

/* The sum was wrong: which pages? */
static void tell(struct tables *t, struct tables_vcpu *v, uint64_t gva, uint32_t pages,
		 uint64_t stride)
{
	struct guest_op op = { .op = GUEST_OP_READ, .bytes = SZ_4K };
	struct guest_result res;
	struct tables_slot *s;
	uint64_t want, gpa;
	uint32_t i, page, bad = 0;

	for (i = 0; i < pages && bad < TOLD; i++) {
		op.start = gva + i * stride;
		if (!run_op(t, v, &op, &res))
			return;
		gpa = mapped_to(v->window, op.start);
		want = tables_expected(t, gpa);
		if (res.value == want)
			continue;
		bad++;
		s = tables_slot_at(t, gpa, &page);
		tables_fail(t, "vCPU %u, page %u at 0x%lx, gfn 0x%lx, slot %u%s: read 0x%lx, not 0x%lx",
			    v->vcpu->id, i, op.start, gpa / SZ_4K, tables_slot_of(t, gpa)->id,
			    s ? "" : ", which is not there", res.value, want);
	}
	if (!bad)
		tables_fail(t, "vCPU %u, %u pages from 0x%lx: the sum was wrong, each page is right",
			    v->vcpu->id, pages, gva);
}

static bool read_range(struct tables *t, struct tables_vcpu *v, uint64_t gva, uint32_t pages,
		       uint64_t stride)
{
	struct guest_op op = {
		.op = GUEST_OP_READ, .start = gva, .bytes = pages * stride, .stride = stride,
	};
	struct guest_result res;

	if (!run_op(t, v, &op, &res))
		return false;
	t->reads += pages;
	if (res.value != expected_sum(t, v, gva, pages, stride))
		tell(t, v, gva, pages, stride);
	return !ktap.bad;
}

bool tables_all_is_right(struct tables *t)
{
	uint32_t large = (SZ_2M + TABLES_LARGE_STEP - 1) / TABLES_LARGE_STEP, i;
	struct tables_vcpu *v;

	for (v = t->v; v < t->v + TABLES_VCPUS; v++) {
		if (!read_range(t, v, TABLES_GVA, t->pages, v->window->stride))
			return false;
		for (i = 0; i < TABLES_LARGE; i++)
			if (!read_range(t, v, TABLES_LARGE_GVA + i * SZ_2M, large,
					TABLES_LARGE_STEP))
				return false;
	}
	return tables_memory_is_right(t);
}

static struct tables_vcpu *any_vcpu(struct tables *t)
{
	return &t->v[tables_below(t, TABLES_VCPUS)];
}

static void step_write(struct tables *t)
{
	struct tables_vcpu *v = any_vcpu(t);
	struct tables_window *win = v->window;
	uint32_t first = tables_below(t, t->pages), nr = 1 + tables_below(t, WRITE_PAGES), i;
	struct guest_op op = { .op = GUEST_OP_STAMP, .stride = win->stride };
	struct guest_result res;

	if (nr > t->pages - first)
		nr = t->pages - first;
	snprintf(t->what, sizeof(t->what), "vCPU %u writes to pages %u to %u", v->vcpu->id,
		 first, first + nr - 1);
	op.start = TABLES_GVA + (uint64_t)first * win->stride;
	op.bytes = nr * (uint64_t)win->stride;
	op.value = tables_random(t);
	if (!run_op(t, v, &op, &res))
		return;
	for (i = 0; i < nr; i++)
		tables_wrote(t, win->map[first + i],
			     guest_stamp(op.start + i * (uint64_t)win->stride, op.value));
	t->written += nr;
}

/* The guest changes its tables by itself: L1 its own, or the NPT. */
static void step_remap(struct tables *t)
{
	struct tables_vcpu *v = any_vcpu(t), *other;
	struct tables_window *win = v->window;
	uint32_t first = tables_below(t, t->pages), nr = 1 + tables_below(t, REMAP_PAGES), i, pt;
	struct guest_op flush = { .op = GUEST_OP_INVLPG, .stride = win->stride };
	uint64_t entry;

	if (nr > t->pages - first)
		nr = t->pages - first;
	snprintf(t->what, sizeof(t->what), "vCPU %u maps pages %u to %u elsewhere", v->vcpu->id,
		 first, first + nr - 1);
	for (i = first; i < first + nr; i++) {
		win->map[i] = tables_pick(t);
		entry = tables_entry(win, i, &pt);
		if (t->kind == TABLES_L1)
			entry = TABLES_ALIAS + pt * SZ_4K + entry % SZ_4K;
		vcpu_write64(v->vcpu, entry, tables_pte(t, win->map[i]));
	}
	t->remapped += nr;
	flush.start = TABLES_GVA + (uint64_t)first * win->stride;
	flush.bytes = nr * (uint64_t)win->stride;
	for (other = t->v; other < t->v + TABLES_VCPUS; other++) {
		if (other->window != win)
			continue;
		if (t->kind == TABLES_L2)
			nested_changed(other->nested);
		else
			vcpu_must(other->vcpu, &flush, NULL);
	}
}

static void step_recreate(struct tables *t, struct tables_slot *s)
{
	bool in_place = tables_below(t, 4);
	unsigned int place = in_place ? s->place : tables_below(t, 2);
	struct guest_op op = { .op = GUEST_OP_CR3 };
	unsigned int i;

	snprintf(t->what, sizeof(t->what), "slot %u, %u pages, over other memory", s->id,
		 s->npages);
	tables_slot_delete(t, s);
	/* A load by tables that stay, from where nothing is. */
	if (!tables_below(t, 8)) {
		tables_build(t);
		tables_all_is_right(t);
	}
	tables_slot_create(t, s, place);
	if (!in_place || !tables_below(t, 3))
		return;
	strcat(t->what, ", tables where they were");
	tables_refill(t, s);
	/* The tables are others, but KVM has seen to it that none is cached. */
	for (i = 0; i < TABLES_VCPUS && t->kind == TABLES_L1 && tables_below(t, 2); i++)
		vcpu_must(t->v[i].vcpu, &op, NULL);
}

/* Every other time one that has tables which a vCPU uses. */
static struct tables_slot *any_slot(struct tables *t)
{
	struct tables_vcpu *v = any_vcpu(t);

	switch (tables_below(t, 8)) {
	case 0:
		return tables_slot_of(t, v->root);
	case 1:
		return tables_slot_of(t, v->window->pd);
	case 2:
		return tables_slot_of(t, v->window->large_pd);
	case 3:
		return tables_slot_of(t, v->window->pt[tables_below(t, v->window->nr_pts)]);
	default:
		return &t->slot[tables_below(t, TABLES_SLOTS)];
	}
}

static void step_slot(struct tables *t)
{
	struct tables_slot *s = any_slot(t);
	uint64_t dice = tables_below(t, 16);

	if (!s->present) {
		snprintf(t->what, sizeof(t->what), "slot %u, %u pages, comes back", s->id,
			 s->npages);
		tables_slot_create(t, s, tables_below(t, 2));
	} else if (dice < 2) {
		snprintf(t->what, sizeof(t->what), "slot %u, %u pages, goes", s->id, s->npages);
		tables_slot_delete(t, s);
	} else if (dice < 4) {
		snprintf(t->what, sizeof(t->what), "slot %u, %u pages, moves", s->id, s->npages);
		tables_slot_move(t, s);
	} else if (dice < 6) {
		snprintf(t->what, sizeof(t->what), "slot %u, %u pages, dirty log %s", s->id,
			 s->npages, s->flags ? "off" : "on");
		tables_slot_toggle_log(t, s);
	} else {
		step_recreate(t, s);
	}
}

void tables_step(struct tables *t)
{
	unsigned int dice = tables_below(t, 16), i;

	if (dice < 2) {
		step_write(t);
	} else if (dice < 4) {
		step_remap(t);
	} else if (dice < 5) {
		snprintf(t->what, sizeof(t->what), "other tables");
		for (i = 0; i < TABLES_VCPUS; i++)
			t->v[i].stale = true;
	} else {
		step_slot(t);
	}
	if (t->verbose)
		ktap_diag("step %lu: %s", t->step, t->what);
	if (ktap.bad)
		return;
	tables_build(t);
	tables_all_is_right(t);
}
