// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench sparse: a huge memslot of which little is mapped, like that of a device
 * with a large BAR or of memory that is yet to be plugged in. A zap that looks at each
 * page of the slot to find what is mapped pays for the slot's size.
 */
#include "bench.h"
#include "bench_slot.h"
#include "options.h"

static const char command[] = "kvm-zap-bench sparse";
static const char about[] =
"Deletes and re-creates a huge memslot of which the guest has touched a few pages,\n"
"spread evenly, and lets the guest touch them and its other memory again. Times are\n"
"CLOCK_MONOTONIC. Delete and create both contain an SRCU grace period, which no\n"
"policy changes; zap_ns and total_cpu_ns do not contain it.";

static int run(int argc, char **argv)
{
	struct guest_ram ram = { .vcpus = 1, .mib = 128, .page = VM_4K, .guest_page = VM_2M };
	unsigned long iterations = 10, warmup = 1, slot_mib = 16384, pages = 1024, i;
	struct slot slot = { };
	const struct slot_rounds rounds = { .ram = &ram, .slot = &slot, .op = GUEST_OP_WRITE };
	bool json = false;
	const struct option_desc table[] = {
		{ 's', "slot-mib", OPT_NUMBER, &slot_mib, 2, 1UL << 24, "size of the slot in MiB" },
		{ 0, "pages", OPT_NUMBER, &pages, 1, 1UL << 28, "touched 4K pages of the slot" },
		{ 'm', "mib", OPT_NUMBER, &ram.mib, 0, 1UL << 24,
		  "other memory of the guest in MiB" },
		BENCH_GUEST_PAGE(&ram.guest_page),
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		BENCH_JSON(&json),
		{ }
	};
	struct slot_meter meter;
	struct report *r;

	options_parse(argc, argv, command, about, table);
	slot.bytes = slot_mib * SZ_1M;
	slot.pages = pages;
	if (pages > slot.bytes / SZ_4K)
		options_bad(command, "--pages %lu: a slot of %lu MiB has %lu", pages, slot_mib,
			    slot.bytes / SZ_4K);
	slot.stride = slot.bytes / pages & -SZ_4K;
	slot_check(&ram, slot_mib, slot_sparse_bytes(slot.bytes, pages), command);

	ram.more_bytes = slot.bytes;
	guest_ram_create(&ram);
	slot.backing = slot_reserve(slot.bytes);
	slot_add(&slot, &ram);
	guest_ram_touch(&ram, GUEST_OP_WRITE);
	slot_touch(&slot, ram.vcpu[0], GUEST_OP_WRITE);

	r = report_new("sparse", argc, argv);
	report_number(r, "slot_mib", slot_mib);
	report_number(r, "pages", pages);
	report_number(r, "mib", ram.mib);
	report_word(r, "guest_page", guest_ram_page_word(&ram));
	report_number(r, "iterations", iterations);
	report_number(r, "warmup", warmup);
	guest_ram_check_more(&ram, pages * SZ_4K, r);
	slot_meter_init(&meter, ram.vm, r, "delete_ns", "delete the slot");
	slot_meter_rest(&meter, &ram, r);

	for (i = 0; i < warmup + iterations; i++)
		slot_round(&meter, &rounds, i >= warmup);
	report_print(r, json);
	guest_ram_destroy(&ram);
	return 0;
}

const struct workload bench_sparse = {
	.name = "sparse",
	.help = "delete and re-create a huge memslot of which little is mapped",
	.run = run,
};
