// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench empty: delete and create a memslot of a VM that has nothing mapped,
 * because no vCPU has run. What remains is the cost of every deletion, whatever there is
 * to drop.
 */
#include "bench.h"
#include "bench_slot.h"
#include "options.h"

static const char command[] = "kvm-zap-bench empty";
static const char about[] =
"Deletes and re-creates a memslot of a VM that has nothing mapped. Times are\n"
"CLOCK_MONOTONIC and contain an SRCU grace period; zap_ns and total_cpu_ns do not.";

static int run(int argc, char **argv)
{
	unsigned long iterations = 10, warmup = 1, i;
	struct slot slot = { .gpa = VM_RAM_GPA, .bytes = SZ_64K };
	bool json = false;
	const struct option_desc table[] = {
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		BENCH_JSON(&json),
		{ }
	};
	struct slot_meter meter;
	struct report *r;

	options_parse(argc, argv, command, about, table);

	slot.vm = vm_create(NULL);
	vcpu_create(slot.vm, 0);
	slot.backing = vm_backing_alloc(slot.bytes, VM_4K);
	slot_set(&slot);

	r = report_new("empty", argc, argv);
	report_number(r, "iterations", iterations);
	report_number(r, "warmup", warmup);
	slot_meter_init(&meter, slot.vm, r, "delete_ns", "delete the slot");

	for (i = 0; i < warmup + iterations; i++) {
		slot_meter_start(&meter, i >= warmup);
		slot_begin(&meter, SLOT_ZAP);
		slot_delete(&slot);
		slot_end(&meter, SLOT_ZAP);

		slot_begin(&meter, SLOT_CREATE);
		slot_set(&slot);
		slot_end(&meter, SLOT_CREATE);
		slot_meter_stop(&meter);
	}

	report_print(r, json);
	vm_destroy(slot.vm);
	vm_backing_free(slot.backing, slot.bytes);
	return 0;
}

const struct workload bench_empty = {
	.name = "empty",
	.help = "delete and re-create a memslot of a VM that has nothing mapped",
	.run = run,
};
