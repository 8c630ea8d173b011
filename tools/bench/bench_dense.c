// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench dense: a memslot that is fully mapped, like memory that is unplugged or a
 * frame buffer. There is much to drop whatever the policy. If nothing else is mapped, or
 * nothing is touched again, dropping everything at once may well be cheaper.
 */
#include "bench.h"
#include "bench_slot.h"
#include "options.h"

static const char command[] = "kvm-zap-bench dense";
static const char about[] =
"Deletes and re-creates a memslot that is fully mapped, and lets the guest touch it\n"
"and its other memory again. Times are CLOCK_MONOTONIC. Delete and create both\n"
"contain an SRCU grace period, which no policy changes; zap_ns and total_cpu_ns do\n"
"not contain it.";

static int run(int argc, char **argv)
{
	struct guest_ram ram = { .vcpus = 1, .mib = 0, .page = VM_4K, .guest_page = VM_2M };
	unsigned long iterations = 10, warmup = 1, slot_mib = 256, i;
	struct slot slot = { .stride = SZ_4K };
	struct slot_rounds rounds = { .ram = &ram, .slot = &slot, .op = GUEST_OP_WRITE };
	bool json = false;
	const struct option_desc table[] = {
		{ 's', "slot-mib", OPT_NUMBER, &slot_mib, 1, 1UL << 24, "size of the slot in MiB" },
		{ 'm', "mib", OPT_NUMBER, &ram.mib, 0, 1UL << 24,
		  "other memory of the guest in MiB" },
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		BENCH_PAGE(&ram.page),
		BENCH_GUEST_PAGE(&ram.guest_page),
		BENCH_ALIASES(&slot.aliases),
		{ 0, "no-touch", OPT_FLAG, &rounds.no_touch, 0, 0,
		  "do not measure how the guest touches memory again" },
		BENCH_JSON(&json),
		{ }
	};
	struct slot_meter meter;
	struct report *r;

	options_parse(argc, argv, command, about, table);
	slot.bytes = slot_mib * SZ_1M;
	slot.pages = slot.bytes / SZ_4K;
	slot_check(&ram, slot_mib, slot.bytes, command);

	ram.more_bytes = slot.bytes;
	guest_ram_create(&ram);
	slot.backing = vm_backing_alloc(slot.bytes, ram.page);
	slot_add(&slot, &ram);
	guest_ram_touch(&ram, GUEST_OP_WRITE);
	slot_touch(&slot, ram.vcpu[0], GUEST_OP_WRITE);

	r = report_new("dense", argc, argv);
	report_number(r, "slot_mib", slot_mib);
	guest_ram_report(&ram, r, iterations, warmup);
	report_number(r, "aliases", slot.aliases);
	report_word(r, "touch", rounds.no_touch ? "no" : "yes");
	guest_ram_check_more(&ram, slot.bytes, r);
	slot_meter_init(&meter, ram.vm, r, "delete_ns", "delete the slot");
	slot_meter_rest(&meter, &ram, r);

	for (i = 0; i < warmup + iterations; i++)
		slot_round(&meter, &rounds, i >= warmup);
	report_print(r, json);
	guest_ram_destroy(&ram);
	vm_backing_free(slot.backing, slot.bytes);
	return 0;
}

const struct workload bench_dense = {
	.name = "dense",
	.help = "delete and re-create a memslot that is fully mapped",
	.run = run,
};
