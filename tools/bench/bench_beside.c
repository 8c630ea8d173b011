// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench beside: a memslot of which nothing is mapped is deleted, beside memory
 * that is fully mapped. There is nothing to drop, so a policy only spends what it takes
 * to find that out: this must not grow with what is mapped elsewhere. The shadow pages
 * that hold most, and take most to search, are those of the guest's own page tables for
 * 4K pages (--guest-page 4k, shadow paging) and those of a nested guest (--nested).
 */
#include <stdio.h>

#include "bench.h"
#include "bench_slot.h"
#include "guest_l2.h"
#include "host.h"
#include "options.h"

static const char command[] = "kvm-zap-bench beside";
static const char about[] =
"Deletes and re-creates a memslot of which nothing is mapped, in a VM whose other\n"
"memory is fully mapped, and lets the guest touch that memory again. With --nested,\n"
"a nested guest (SVM or VMX, nested paging by 4K) also has that memory mapped; exit\n"
"status 4 if this KVM has no nested paging for guests. Times are CLOCK_MONOTONIC.\n"
"Delete and create both contain an SRCU grace period, which no policy changes;\n"
"zap_ns and total_cpu_ns do not contain it.";

struct beside {
	struct guest_ram ram;
	struct slot slot;
	bool nested;
	struct guest_l2 l2;
	struct slot_meter meter;
};

static void touch(struct beside *b, unsigned int op)
{
	guest_ram_touch(&b->ram, op);
	if (b->nested)
		guest_l2_touch(&b->l2, &b->ram);
}

static void setup(struct beside *b)
{
	struct slot *slot = &b->slot;

	slot->vm = b->ram.vm;
	slot->gpa = slot_place(&b->ram, 0, slot->bytes);
	slot->backing = slot_reserve(slot->bytes);
	slot_set(slot);
	if (b->nested)
		guest_l2_create(&b->l2, &b->ram, b->ram.bytes);
	touch(b, GUEST_OP_WRITE);
}

static void iterate(struct beside *b, bool keep)
{
	struct slot_meter *m = &b->meter;

	slot_meter_start(m, keep);
	slot_begin(m, SLOT_ZAP);
	slot_delete(&b->slot);
	slot_end(m, SLOT_ZAP);

	slot_begin(m, SLOT_CREATE);
	slot_set(&b->slot);
	slot_end(m, SLOT_CREATE);

	slot_begin(m, SLOT_TOUCH);
	touch(b, GUEST_OP_READ);
	slot_end(m, SLOT_TOUCH);
	slot_meter_stop(m);
}

static void finish(struct beside *b)
{
	guest_ram_destroy(&b->ram);
	if (b->nested)
		guest_l2_release(&b->l2);
}

static int run(int argc, char **argv)
{
	struct beside b = {
		.ram = { .vcpus = 1, .mib = 64, .page = VM_4K, .guest_page = VM_2M },
	};
	unsigned long iterations = 10, warmup = 1, slot_kib = 512, i;
	bool json = false;
	const struct option_desc table[] = {
		{ 's', "slot-kib", OPT_NUMBER, &slot_kib, 4, 1UL << 24, "size of the slot in KiB" },
		{ 'm', "mib", OPT_NUMBER, &b.ram.mib, 1, 4096, "memory of the guest in MiB" },
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		BENCH_PAGE(&b.ram.page),
		BENCH_GUEST_PAGE(&b.ram.guest_page),
		{ 0, "nested", OPT_FLAG, &b.nested, 0, 0,
		  "also let a nested guest map the memory" },
		BENCH_JSON(&json),
		{ }
	};
	const char *why;
	struct report *r;

	options_parse(argc, argv, command, about, table);
	b.slot.bytes = slot_kib * 1024;
	if (b.slot.bytes % SZ_4K)
		options_bad(command, "--slot-kib %lu: give a multiple of 4", slot_kib);
	guest_ram_check(&b.ram, command);
	guest_ram_create(&b.ram);
	why = b.nested ? guest_l2_unusable(b.ram.vm) : NULL;
	if (why) {
		fprintf(stderr, "kvm-zap-bench beside: skipped: %s\n", why);
		guest_ram_destroy(&b.ram);
		return 4;
	}
	setup(&b);

	r = report_new("beside", argc, argv);
	report_number(r, "slot_kib", slot_kib);
	guest_ram_report(&b.ram, r, iterations, warmup);
	report_word(r, "nested", b.nested ? "yes" : "no");
	guest_ram_check_pages(&b.ram, r);
	slot_meter_init(&b.meter, b.ram.vm, r, "delete_ns", "delete the slot");
	slot_meter_rest(&b.meter, &b.ram, r);

	for (i = 0; i < warmup + iterations; i++)
		iterate(&b, i >= warmup);
	report_print(r, json);
	finish(&b);
	return 0;
}

const struct workload bench_beside = {
	.name = "beside",
	.help = "delete a memslot that has nothing mapped, beside memory that has",
	.run = run,
};
