// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench move: a memslot moves to another guest physical address, as the memory of
 * a BAR does when the guest reprograms it.
 */
#include "bench.h"
#include "bench_slot.h"
#include "options.h"

static const char command[] = "kvm-zap-bench move";
static const char about[] =
"Moves a memslot that is fully mapped to another guest physical address, and back\n"
"in the next round. Lets the guest touch it at its new place, and its other memory\n"
"again. Times are CLOCK_MONOTONIC. A move contains SRCU grace periods, which no\n"
"policy changes; zap_ns and total_cpu_ns do not contain them.";

static void iterate(struct guest_ram *ram, struct slot *slot, uint64_t to,
		    struct slot_meter *meter, bool keep)
{
	/* As in other workloads, nothing is left to fault in beforehand. */
	slot_touch(slot, ram->vcpu[0], GUEST_OP_READ);
	guest_ram_touch(ram, GUEST_OP_READ);

	slot_meter_start(meter, keep);
	slot_begin(meter, SLOT_ZAP);
	slot->gpa = to;
	slot_set(slot);
	slot_end(meter, SLOT_ZAP);

	slot_begin(meter, SLOT_TOUCH);
	slot_touch(slot, ram->vcpu[0], GUEST_OP_WRITE);
	guest_ram_touch(ram, GUEST_OP_READ);
	slot_end(meter, SLOT_TOUCH);
	slot_meter_stop(meter);
}

static int run(int argc, char **argv)
{
	struct guest_ram ram = { .vcpus = 1, .mib = 128, .page = VM_4K, .guest_page = VM_2M };
	unsigned long iterations = 10, warmup = 1, slot_mib = 64, i;
	struct slot slot = { .stride = SZ_4K };
	bool json = false;
	const struct option_desc table[] = {
		{ 's', "slot-mib", OPT_NUMBER, &slot_mib, 1, 1UL << 24, "size of the slot in MiB" },
		{ 'm', "mib", OPT_NUMBER, &ram.mib, 0, 1UL << 24,
		  "other memory of the guest in MiB" },
		BENCH_ITERATIONS(&iterations, "moves"),
		BENCH_WARMUP(&warmup, "moves"),
		BENCH_PAGE(&ram.page),
		BENCH_GUEST_PAGE(&ram.guest_page),
		BENCH_JSON(&json),
		{ }
	};
	struct slot_meter meter;
	struct report *r;
	uint64_t place[2];

	options_parse(argc, argv, command, about, table);
	slot.bytes = slot_mib * SZ_1M;
	slot.pages = slot.bytes / SZ_4K;
	slot_check(&ram, slot_mib, slot.bytes, command);

	ram.more_bytes = 2 * slot.bytes;
	guest_ram_create(&ram);
	slot.backing = vm_backing_alloc(slot.bytes, ram.page);
	slot_add(&slot, &ram);
	place[0] = slot.gpa;
	place[1] = slot_place(&ram, 1, slot.bytes);
	guest_pt_map(ram.vm->pt, place[1], place[1], slot.bytes, 0);
	guest_ram_touch(&ram, GUEST_OP_WRITE);
	slot_touch(&slot, ram.vcpu[0], GUEST_OP_WRITE);

	r = report_new("move", argc, argv);
	report_number(r, "slot_mib", slot_mib);
	guest_ram_report(&ram, r, iterations, warmup);
	guest_ram_check_more(&ram, slot.bytes, r);
	slot_meter_init(&meter, ram.vm, r, "move_ns", "move the slot");
	slot_meter_rest(&meter, &ram, r);

	for (i = 0; i < warmup + iterations; i++)
		iterate(&ram, &slot, place[(i + 1) % 2], &meter, i >= warmup);
	report_print(r, json);
	guest_ram_destroy(&ram);
	vm_backing_free(slot.backing, slot.bytes);
	return 0;
}

const struct workload bench_move = {
	.name = "move",
	.help = "move a memslot that is fully mapped to another address",
	.run = run,
};
