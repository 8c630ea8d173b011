// SPDX-License-Identifier: GPL-2.0-only
/*
 * The world of the content tests, see zap_world.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zap_world.h"

#define DESK_BYTES	SZ_64K
#define DESK_CLOCK	0x4000
#define DESK_STILL	0x4800	/* a clock that nobody moves */
#define DESK_BEATS	0x5000	/* a page for each vCPU */

/* No round takes this long, whatever else the machine does. */
#define ROUND_NS	20000000000UL

const struct world_pages world_pages[4] = {
	{ "4k, guest 4k", VM_4K, VM_4K },
	{ "4k, guest 2m", VM_4K, VM_2M },
	{ "2m, guest 4k", VM_2M, VM_4K },
	{ "2m, guest 2m", VM_2M, VM_2M },
};

struct world *world_create(const char *policy, const struct world_pages *pages)
{
	struct vm_opts opts = { .guest_page = pages->guest };
	size_t code_bytes = __stop_zap_guest - __start_zap_guest;
	struct world *w = calloc(1, sizeof(*w));
	unsigned int i;

	if (!w)
		vm_die("out of memory");
	if (code_bytes > DESK_CLOCK)
		vm_die("%zu bytes of guest code do not fit", code_bytes);
	if (policy)
		zap_policy(policy);
	w->policy = policy;
	w->backing = pages->backing;
	w->vm = vm_create(&opts);
	w->vm->mmio_value = ZAP_ABSENT;
	guest_pt_map(w->vm->pt, WORLD_GPA, WORLD_GPA, WORLD_BYTES, 0);

	w->desk = vm_backing_alloc(DESK_BYTES, VM_4K);
	memcpy(w->desk, __start_zap_guest, code_bytes);
	w->clock = (struct zap_clock *)(w->desk + DESK_CLOCK);
	vm_set_slot(w->vm, WORLD_DESK_SLOT, 0, WORLD_DESK_GPA, DESK_BYTES, w->desk);
	guest_pt_map(w->vm->pt, WORLD_DESK_GPA, WORLD_DESK_GPA, DESK_BYTES, VM_4K);

	for (i = 0; i < WORLD_VCPUS; i++) {
		w->vcpu[i] = vcpu_create(w->vm, i);
		w->beat[i] = (struct zap_beat *)(w->desk + DESK_BEATS + i * SZ_4K);
	}
	return w;
}

void world_destroy(struct world *w)
{
	vm_destroy(w->vm);
	vm_backing_free(w->desk, DESK_BYTES);
	free(w);
}

void world_stamp(void *mem, size_t bytes, uint64_t gen)
{
	size_t i;

	for (i = 0; i < bytes / SZ_4K; i++) {
		volatile uint64_t *page = (volatile uint64_t *)((char *)mem + i * SZ_4K);

		page[0] = ZAP_WORD(i, gen);
		page[1] = 0;
	}
}

void *world_memory(struct world *w, size_t bytes, uint64_t gen)
{
	void *mem = vm_backing_alloc(bytes, w->backing);

	world_stamp(mem, bytes, gen);
	return mem;
}

void world_step_begin(struct world *w)
{
	__atomic_store_n(&w->clock->hi, w->clock->lo + 1, __ATOMIC_SEQ_CST);
}

void world_step_end(struct world *w)
{
	__atomic_store_n(&w->clock->lo, w->clock->hi, __ATOMIC_SEQ_CST);
}

void world_watch(struct world *w, unsigned int i, uint64_t gpa, uint64_t count,
		 uint64_t stride, uint64_t index, uint64_t parity, uint64_t gen)
{
	*w->beat[i] = (struct zap_beat) {
		.clock = WORLD_DESK_GPA + DESK_CLOCK,
		.start = gpa,
		.count = count,
		.stride = stride,
		.index = index,
		.parity = parity,
		.gen = gen,
	};
}

void world_watch_still(struct world *w, unsigned int i, uint64_t gpa, uint64_t count,
		       uint64_t stride, uint64_t index, uint64_t gen)
{
	world_watch(w, i, gpa, count, stride, index, 0, gen);
	w->beat[i]->clock = WORLD_DESK_GPA + DESK_STILL;
}

static struct guest_op world_op(unsigned int i, world_code code)
{
	return (struct guest_op) {
		.op = GUEST_OP_CALL,
		.start = WORLD_DESK_GPA + ((const unsigned char *)code - __start_zap_guest),
		.value = WORLD_DESK_GPA + DESK_BEATS + i * SZ_4K,
	};
}

static void world_judge(struct world *w, unsigned int i)
{
	const struct zap_beat *b = w->beat[i];

	ktap_check(!b->bad,
		   "vCPU %u: %lu loads gave what they could not; the first: 0x%lx (page %lu) held 0x%lx, steps %lu to %lu",
		   i, b->bad, b->bad_gva, b->index + ((b->bad_gva - b->start) >> 12),
		   b->bad_value, b->bad_lo, b->bad_hi);
}

void world_start(struct world *w, unsigned int i, world_code code)
{
	struct guest_op op = world_op(i, code);

	w->beat[i]->rounds = 0;
	w->beat[i]->bad = 0;
	w->beat[i]->limit = 0;
	vcpu_start(w->vcpu[i], &op);
}

void world_stop(struct world *w, unsigned int i)
{
	struct guest_result res;
	int ret;

	vcpu_stop(w->vcpu[i]);
	ret = vcpu_wait(w->vcpu[i], &res);
	ktap_check(!ret, "vCPU %u ended with %d: vector %u, error code 0x%lx, rip 0x%lx, cr2 0x%lx",
		   i, ret, res.vector, res.error, res.rip, res.cr2);
	world_judge(w, i);
}

void world_rounds(struct world *w, unsigned int i)
{
	volatile uint64_t *rounds = &w->beat[i]->rounds;
	uint64_t from = *rounds, end = vm_now_ns() + ROUND_NS;

	/* The present round began before: two more and a bit. */
	while (*rounds - from < 3) {
		if (vm_now_ns() > end)
			vm_die("vCPU %u stands still", i);
		usleep(100);
	}
}

uint64_t world_round(struct world *w, unsigned int i, world_code code)
{
	struct guest_op op = world_op(i, code);
	struct guest_result res;

	w->beat[i]->rounds = 0;
	w->beat[i]->bad = 0;
	w->beat[i]->limit = 1;
	vcpu_must(w->vcpu[i], &op, &res);
	world_judge(w, i);
	return res.mmio_reads + res.mmio_writes;
}

unsigned int world_count_scribbles(const void *mem, uint64_t count, uint64_t stride)
{
	unsigned int n = 0;

	for (; count; count--, mem = (const char *)mem + stride)
		n += ((volatile const uint64_t *)mem)[1] != 0;
	return n;
}

void world_expect(struct world *w, unsigned int i, uint64_t gpa, uint64_t count,
		  uint64_t index, uint64_t gen)
{
	world_watch(w, i, gpa, count, SZ_4K, index, w->clock->lo & 1, gen);
	ktap_equal("MMIO exits of reads from memory",
		   world_round(w, i, zap_guest_patrol), 0);
}

void world_expect_absent(struct world *w, unsigned int i, uint64_t gpa, uint64_t count)
{
	world_watch(w, i, gpa, count, SZ_4K, 0, !(w->clock->lo & 1), 0);
	ktap_equal("MMIO exits of reads from nowhere",
		   world_round(w, i, zap_guest_patrol), count);
	ktap_equal("MMIO exits of writes to nowhere",
		   world_round(w, i, zap_guest_scribble), count);
}

void world_expect_writable(struct world *w, unsigned int i, uint64_t gpa, uint64_t count,
			   void *mem)
{
	world_watch(w, i, gpa, count, SZ_4K, 0, 0, 0);
	ktap_equal("MMIO exits of writes to memory",
		   world_round(w, i, zap_guest_scribble), 0);
	ktap_equal("pages written that arrived",
		   world_count_scribbles(mem, count, SZ_4K), count);
}
