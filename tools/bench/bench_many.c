// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench many: several memslots are deleted one after the other, as when a VMM
 * unplugs memory block by block. The later deletions and the guest pay for what one
 * deletion leaves behind: empty page tables count against KVM's limit, which shrinks with
 * each memslot, until KVM reclaims page tables that map the rest of the guest.
 */
#include <stdio.h>

#include "bench.h"
#include "bench_slot.h"
#include "host.h"
#include "options.h"

static const char command[] = "kvm-zap-bench many";
static const char about[] =
"Deletes memslots one after the other. The guest has touched a few pages in each,\n"
"and touches its other memory again afterwards. delete_ns, zap_ns and total_cpu_ns\n"
"are sums over the deletions of a round; total_cpu_ns includes what the guest\n"
"touches. worst_ns is the longest deletion. The slots are created again while\n"
"nothing is measured. Times are CLOCK_MONOTONIC. A deletion contains an SRCU grace\n"
"period, which no policy changes; zap_ns and total_cpu_ns do not contain it.";

struct many {
	struct guest_ram ram;
	struct slot slot;	/* the first; the others follow, end to end */
	unsigned long slots;
	struct slot_meter meter;
	struct series *worst;
};

static void slots_set(const struct many *m)
{
	const struct slot *s = &m->slot;
	unsigned long i;

	for (i = 0; i < m->slots; i++)
		vm_set_slot(s->vm, BENCH_SLOT + i, s->flags, s->gpa + i * s->bytes, s->bytes,
			    (char *)s->backing + i * s->bytes);
}

static void slots_touch(const struct many *m)
{
	struct guest_op touch = {
		.op = GUEST_OP_WRITE,
		.start = m->slot.gpa,
		.bytes = m->slots * m->slot.bytes,
		.stride = m->slot.stride,
	};

	vcpu_must(m->ram.vcpu[0], &touch, NULL);
}

/* Returns how long the longest took. */
static uint64_t slots_delete(const struct many *m)
{
	uint64_t start, ns, worst = 0;
	unsigned long i;

	for (i = 0; i < m->slots; i++) {
		start = vm_now_ns();
		vm_delete_slot(m->slot.vm, BENCH_SLOT + i);
		ns = vm_now_ns() - start;
		if (ns > worst)
			worst = ns;
	}
	return worst;
}

static void iterate(struct many *m, bool keep)
{
	uint64_t worst;

	/* In this order: what KVM reclaims first is what was mapped first. */
	guest_ram_touch(&m->ram, GUEST_OP_READ);
	slots_touch(m);

	slot_meter_start(&m->meter, keep);
	slot_begin(&m->meter, SLOT_ZAP);
	worst = slots_delete(m);
	slot_end(&m->meter, SLOT_ZAP);

	slot_begin(&m->meter, SLOT_TOUCH);
	guest_ram_touch(&m->ram, GUEST_OP_READ);
	slot_end(&m->meter, SLOT_TOUCH);
	slot_meter_stop(&m->meter);
	if (keep)
		report_sample(m->worst, worst);
	slots_set(m);
}

static void setup(struct many *m)
{
	uint64_t bytes = m->slots * m->slot.bytes, map = m->ram.guest_page;

	m->ram.more_bytes = bytes;
	guest_ram_create(&m->ram);
	m->slot.vm = m->ram.vm;
	m->slot.gpa = slot_place(&m->ram, 0, bytes);
	m->slot.backing = slot_reserve(bytes);
	slots_set(m);
	guest_pt_map(m->ram.vm->pt, m->slot.gpa, m->slot.gpa, (bytes + map - 1) & -map, 0);
	guest_ram_touch(&m->ram, GUEST_OP_WRITE);
	slots_touch(m);
}

/* Exits unless the slots are whole pages, and there is enough memory. */
static void check(struct many *m, unsigned long slot_kib, unsigned long stride_kib)
{
	uint64_t bytes, pages;

	m->slot.bytes = slot_kib * 1024;
	m->slot.stride = (stride_kib < slot_kib ? stride_kib : slot_kib) * 1024;
	if (m->slot.bytes % SZ_4K || m->slot.stride % SZ_4K)
		options_bad(command, "--slot-kib %lu --stride-kib %lu: give multiples of 4",
			    slot_kib, stride_kib);
	bytes = m->slots * m->slot.bytes;
	pages = bytes / m->slot.stride;
	guest_ram_check(&m->ram, command);
	host_need_memory(m->ram.mib * SZ_1M + slot_sparse_bytes(bytes, pages), "that many slots");
}

static int run(int argc, char **argv)
{
	struct many m = {
		.ram = { .vcpus = 1, .mib = 256, .page = VM_4K, .guest_page = VM_2M },
		.slots = 64,
	};
	unsigned long iterations = 1, warmup = 0, slot_kib = 131072, stride_kib = 2048, i;
	bool json = false;
	const struct option_desc table[] = {
		{ 'c', "slots", OPT_NUMBER, &m.slots, 1, 1UL << 14, "memslots" },
		{ 's', "slot-kib", OPT_NUMBER, &slot_kib, 4, 1UL << 24, "size of each in KiB" },
		{ 0, "stride-kib", OPT_NUMBER, &stride_kib, 4, 1UL << 24,
		  "the guest touches one page in each interval of this many KiB" },
		{ 'm', "mib", OPT_NUMBER, &m.ram.mib, 1, 1UL << 24,
		  "other memory of the guest in MiB" },
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		BENCH_GUEST_PAGE(&m.ram.guest_page),
		BENCH_JSON(&json),
		{ }
	};
	struct report *r;

	options_parse(argc, argv, command, about, table);
	check(&m, slot_kib, stride_kib);
	setup(&m);

	r = report_new("many", argc, argv);
	report_number(r, "slot_kib", slot_kib);
	report_number(r, "stride_kib", stride_kib);
	report_number(r, "mib", m.ram.mib);
	report_number(r, "iterations", iterations);
	report_number(r, "warmup", warmup);
	report_word(r, "guest_page", guest_ram_page_word(&m.ram));
	report_number(r, "deletions", m.slots);
	slot_meter_init(&m.meter, m.ram.vm, r, "delete_ns", "delete the slots, all of them");
	slot_meter_rest(&m.meter, &m.ram, r);
	m.worst = report_series(r, "worst_ns", "delete: the slot that took longest");

	for (i = 0; i < warmup + iterations; i++)
		iterate(&m, i >= warmup);
	report_print(r, json);
	guest_ram_destroy(&m.ram);
	return 0;
}

const struct workload bench_many = {
	.name = "many",
	.help = "delete many memslots one after the other",
	.run = run,
};
