// SPDX-License-Identifier: GPL-2.0-only
/*
 * The content oracle: once a slot is deleted, created again over other memory or moved,
 * no vCPU reads or writes the memory that was there before, and neighbouring slots are
 * unharmed.
 *
 * What breaks without it: a mapping that survives its slot lets the guest read and
 * overwrite memory that the host has given to somebody else.
 *
 * The emulated CPU of the lab drops its TLB at each exit of a vCPU, and KVM kicks every
 * vCPU at each change of the slots. So a forgotten remote TLB flush shows only on real
 * hardware, and with two CPUs where KVM does not kick vCPUs (content/tdp-smp and the
 * like, see tools/testing/smp/no-kick.cocci).
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "zap_world.h"

enum { SLOT, BELOW, ABOVE };

static const char * const policies[] = { ZAP_MEMSLOT_POLICIES };
/* Without policies: what the distribution's modules do. */
static const char * const no_policies[] = { NULL };

/* The slot of most cases: where, and which of its pages running vCPUs visit. */
struct range {
	uint64_t gpa;
	uint64_t npages;
	uint64_t count;
	uint64_t stride;
};

static struct range world_range(struct world *w)
{
	/* Small and within one page table, or of two huge pages. */
	if (w->backing == VM_4K)
		return (struct range) { WORLD_GPA + 5 * SZ_4K, 24, 24, SZ_4K };
	/* Visit 12 pages of each row, the first and the last among them. */
	return (struct range) { WORLD_GPA + SZ_2M, 1024, 12, 93 * SZ_4K };
}

/* Delete and re-create under the eyes of vCPUs that do nothing meanwhile. */
static void test_idle(struct world *w)
{
	struct range r = world_range(w);
	size_t bytes = r.npages * SZ_4K;
	void *mem[2] = { world_memory(w, bytes, 1), world_memory(w, bytes, 2) };
	unsigned int round, i;

	for (round = 0; round < 4; round++) {
		void *now = mem[round % 2], *old = mem[(round + 1) % 2];

		vm_set_slot(w->vm, SLOT, 0, r.gpa, bytes, now);
		for (i = 0; i < WORLD_VCPUS; i++)
			world_expect(w, i, r.gpa, r.npages, 0, 1 + round % 2);
		world_expect_writable(w, round % WORLD_VCPUS, r.gpa, r.npages, now);
		ktap_equal("pages of the former memory that were written",
			   world_count_scribbles(old, r.npages, SZ_4K), 0);

		vm_delete_slot(w->vm, SLOT);
		world_stamp(now, bytes, 1 + round % 2);
		for (i = 0; i < WORLD_VCPUS; i++) {
			world_expect_absent(w, i, r.gpa, 4);
			world_expect_absent(w, i, r.gpa + bytes - 4 * SZ_4K, 4);
		}
		ktap_equal("pages of deleted memory that were written",
			   world_count_scribbles(now, r.npages, SZ_4K), 0);
	}
	for (i = 0; i < 2; i++)
		vm_backing_free(mem[i], bytes);
}

/*
 * Delete and re-create @rounds times while vCPU 0 reads without a pause, and
 * vCPU 1 writes or, unless @scribble, reads as well.
 */
static void run_rounds(struct world *w, const struct range *r, unsigned int rounds, bool scribble)
{
	size_t bytes = r->npages * SZ_4K, from = r->count == 1 ? bytes - SZ_4K : 0;
	void *mem[2] = { world_memory(w, bytes, 0), world_memory(w, bytes, 0) };
	unsigned int round, i;

	world_stamp(mem[1], bytes, w->clock->hi);
	vm_set_slot(w->vm, SLOT, 0, r->gpa, bytes, mem[1]);
	for (i = 0; i < WORLD_VCPUS; i++)
		world_watch(w, i, r->gpa + from, r->count, r->stride, from / SZ_4K, 0, 0);
	world_start(w, 0, zap_guest_patrol);
	world_start(w, 1, scribble ? zap_guest_scribble : zap_guest_patrol);

	for (round = 0; round < rounds; round++) {
		char *now = mem[round % 2], *old = mem[(round + 1) % 2];

		world_rounds(w, 0);
		world_step_begin(w);
		vm_delete_slot(w->vm, SLOT);
		world_step_end(w);
		/* From here on nobody has a way to the memory. */
		world_stamp(old, bytes, w->clock->hi - 1);
		world_rounds(w, 0);
		world_rounds(w, 1);

		world_stamp(now, bytes, w->clock->hi + 1);
		world_step_begin(w);
		vm_set_slot(w->vm, SLOT, 0, r->gpa, bytes, now);
		world_step_end(w);
		world_rounds(w, 0);
		world_rounds(w, 1);
		if (scribble)
			ktap_equal("pages written that arrived",
				   world_count_scribbles(now + from, r->count, r->stride),
				   r->count);
		ktap_equal("pages of the former memory that were written",
			   world_count_scribbles(old, r->npages, SZ_4K), 0);
	}
	for (i = 0; i < WORLD_VCPUS; i++)
		world_stop(w, i);
	vm_delete_slot(w->vm, SLOT);
	for (i = 0; i < 2; i++)
		vm_backing_free(mem[i], bytes);
}

static void test_running(struct world *w)
{
	struct range r = world_range(w);

	run_rounds(w, &r, 4, true);
}

/*
 * A single page that two vCPUs read over and over, with no reason to exit but
 * the kicks of the host: the TLB entry is as hot as it can be.
 */
static void test_spin(struct world *w)
{
	struct range r = world_range(w);

	r.count = 1;
	run_rounds(w, &r, 10, false);
}

/* Whether reading the neighbours again has to map nothing anew. */
static void expect_neighbours(struct world *w, uint64_t below, uint64_t below_pages,
			      uint64_t above, uint64_t above_pages)
{
	uint64_t faults = zap_vcpus_stat(w->vm, "pf_taken");

	world_expect(w, 0, below, below_pages, 0, 101);
	world_expect(w, 0, above, above_pages, 0, 102);
	/* Only scoped promises to leave them alone. */
	if (w->policy && !strcmp(w->policy, "scoped"))
		ktap_equal("page faults on neighbours that did not change",
			   zap_vcpus_stat(w->vm, "pf_taken") - faults, 0);
}

/* Move a slot to and fro between two places, each watched by a vCPU. */
static void test_move(struct world *w)
{
	struct range r = world_range(w);
	uint64_t away = r.gpa + 8 * SZ_2M, pages = 6;
	size_t bytes = r.npages * SZ_4K, side = pages * SZ_4K;
	void *mem = world_memory(w, bytes, 77);
	void *below = world_memory(w, side, 101), *above = world_memory(w, side, 102);
	unsigned int round;

	vm_set_slot(w->vm, SLOT, 0, r.gpa, bytes, mem);
	/* One right behind where the slot begins, one before where it goes. */
	vm_set_slot(w->vm, BELOW, 0, r.gpa + bytes, side, below);
	vm_set_slot(w->vm, ABOVE, 0, away - side, side, above);
	world_expect(w, 0, r.gpa + bytes, pages, 0, 101);
	world_expect(w, 0, away - side, pages, 0, 102);

	world_watch(w, 0, r.gpa, r.count, r.stride, 0, w->clock->lo & 1, 77);
	world_watch(w, 1, away, r.count, r.stride, 0, !(w->clock->lo & 1), 77);
	world_start(w, 0, zap_guest_patrol);
	world_start(w, 1, zap_guest_patrol);
	for (round = 0; round < 5; round++) {
		world_rounds(w, 0);
		world_rounds(w, 1);
		world_step_begin(w);
		vm_set_slot(w->vm, SLOT, 0, round % 2 ? r.gpa : away, bytes, mem);
		world_step_end(w);
	}
	world_rounds(w, 0);
	world_rounds(w, 1);
	world_stop(w, 0);
	world_stop(w, 1);

	world_expect(w, 0, away, r.npages, 0, 77);
	world_expect_absent(w, 0, r.gpa, 2);
	world_expect_absent(w, 0, r.gpa + bytes - 2 * SZ_4K, 2);
	/* Six moves later, and the neighbours were never touched meanwhile. */
	vm_set_slot(w->vm, SLOT, 0, r.gpa, bytes, mem);
	expect_neighbours(w, r.gpa + bytes, pages, away - side, pages);

	/* By a single page, onto itself: each page is another one's place now. */
	world_expect(w, 1, r.gpa, r.npages, 0, 77);
	vm_delete_slot(w->vm, BELOW);
	vm_set_slot(w->vm, SLOT, 0, r.gpa + SZ_4K, bytes, mem);
	world_expect(w, 1, r.gpa + SZ_4K, r.npages, 0, 77);
	world_expect_absent(w, 1, r.gpa, 1);
	world_expect_absent(w, 1, r.gpa + SZ_4K + bytes, 1);

	vm_delete_slot(w->vm, SLOT);
	vm_delete_slot(w->vm, ABOVE);
	vm_backing_free(mem, bytes);
	vm_backing_free(below, side);
	vm_backing_free(above, side);
}

/*
 * Three slots side by side, none aligned to 2M, which share page tables; the
 * middle one goes and comes back over other memory.
 */
static void test_edges(struct world *w)
{
	bool huge = w->backing == VM_2M;
	/* First page of each, and the first behind the last. */
	uint64_t at[4] = { 0x105, 0x10e, 0x123, 0x12c };
	uint64_t huge_at[4] = { 0x155, 0x333, 0x933, 0xb77 };
	uint64_t *p = huge ? huge_at : at;
	size_t bytes = p[3] * SZ_4K;
	unsigned char *mem[2] = {
		vm_backing_alloc(bytes, w->backing), vm_backing_alloc(bytes, w->backing),
	};
	uint64_t gpa[4], npages[3];
	unsigned int i, round;

	for (i = 0; i < 4; i++)
		gpa[i] = WORLD_GPA + p[i] * SZ_4K;
	for (i = 0; i < 3; i++)
		npages[i] = p[i + 1] - p[i];
	world_stamp(mem[0] + p[0] * SZ_4K, npages[0] * SZ_4K, 101);
	world_stamp(mem[0] + p[2] * SZ_4K, npages[2] * SZ_4K, 102);
	for (i = 0; i < 2; i++)
		world_stamp(mem[i] + p[1] * SZ_4K, npages[1] * SZ_4K, 1 + i);

	/* Host and guest addresses agree modulo 2M: the inside may be huge. */
	vm_set_slot(w->vm, BELOW, 0, gpa[0], npages[0] * SZ_4K, mem[0] + p[0] * SZ_4K);
	vm_set_slot(w->vm, ABOVE, 0, gpa[2], npages[2] * SZ_4K, mem[0] + p[2] * SZ_4K);
	world_expect(w, 0, gpa[0], npages[0], 0, 101);
	world_expect(w, 0, gpa[2], npages[2], 0, 102);

	for (round = 0; round < 3; round++) {
		void *now = mem[round % 2] + p[1] * SZ_4K;

		vm_set_slot(w->vm, SLOT, 0, gpa[1], npages[1] * SZ_4K, now);
		world_expect(w, 0, gpa[1], npages[1], 0, 1 + round % 2);
		world_expect(w, 1, gpa[1], npages[1], 0, 1 + round % 2);
		expect_neighbours(w, gpa[0], npages[0], gpa[2], npages[2]);
		vm_delete_slot(w->vm, SLOT);
		expect_neighbours(w, gpa[0], npages[0], gpa[2], npages[2]);
		world_expect_absent(w, 0, gpa[1], 1);
		world_expect_absent(w, 0, gpa[2] - SZ_4K, 1);
		world_expect_absent(w, 1, gpa[2] - SZ_4K, 1);
	}
	world_expect_absent(w, 0, gpa[1], npages[1]);
	vm_delete_slot(w->vm, BELOW);
	vm_delete_slot(w->vm, ABOVE);
	for (i = 0; i < 2; i++)
		vm_backing_free(mem[i], bytes);
}

/* Why huge pages cannot be tested in this world; NULL if they can, or need not. */
static const char *no_huge_pages(struct world *w, const struct world_pages *pages)
{
	struct range r = world_range(w);
	const char *why = NULL;
	void *mem;

	/* Shadow paging maps no more at a time than the guest does. */
	if (pages->backing == VM_4K || (zap_mmu() == ZAP_MMU_SHADOW && pages->guest == VM_4K))
		return NULL;
	mem = world_memory(w, r.npages * SZ_4K, 1);
	vm_set_slot(w->vm, SLOT, 0, r.gpa, r.npages * SZ_4K, mem);
	world_expect(w, 0, r.gpa, r.npages, 0, 1);
	if (!zap_stat(w->vm, "pages_2m"))
		why = "the host gives no huge pages";
	vm_delete_slot(w->vm, SLOT);
	vm_backing_free(mem, r.npages * SZ_4K);
	return why;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(struct world *w);
	} cases[] = {
		{ "idle", test_idle },
		{ "running", test_running },
		{ "spin", test_spin },
		{ "move", test_move },
		{ "edges", test_edges },
	};
	const char * const *policy = zap_have_policies() ? policies : no_policies;
	unsigned int nr = policy == policies ? ARRAY_SIZE(policies) : 1;
	unsigned int i, j, k;
	const char *why, *name;
	struct world *w;

	zap_start_anywhere(nr * ARRAY_SIZE(world_pages) * ARRAY_SIZE(cases));
	for (i = 0; i < nr; i++) {
		name = policy[i] ? policy[i] : "stock";
		for (j = 0; j < ARRAY_SIZE(world_pages); j++) {
			w = world_create(policy[i], &world_pages[j]);
			why = no_huge_pages(w, &world_pages[j]);
			for (k = 0; k < ARRAY_SIZE(cases); k++) {
				if (why) {
					ktap_skip(why, "%s, %s: %s", name, world_pages[j].name,
						  cases[k].name);
					continue;
				}
				cases[k].run(w);
				ktap_result("%s, %s: %s", name, world_pages[j].name,
					    cases[k].name);
			}
			world_destroy(w);
		}
	}
	return ktap_end();
}
