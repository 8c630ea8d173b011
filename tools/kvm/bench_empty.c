// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench empty: delete and re-create a memslot of a VM that has nothing
 * mapped, because no vCPU has run. What is left is what every deletion costs,
 * whatever there is to drop.
 */
#include "bench.h"
#include "options.h"
#include "report.h"
#include "vm.h"

static const char usage[] = "kvm-zap-bench empty [OPTION...]";
static const char about[] =
"Deletes and re-creates a memslot of a VM that has nothing mapped. Times are\n"
"CLOCK_MONOTONIC and contain a grace period of SRCU.";

static int run(int argc, char **argv)
{
	unsigned long iterations = 10, warmup = 1, i;
	struct series *delete_ns, *create_ns;
	uint64_t start, deleted, created;
	bool json = false;
	const struct option_desc table[] = {
		{ 'n', "iterations", OPT_NUMBER, &iterations, 1, 1UL << 20, "measured rounds" },
		{ 'w', "warmup", OPT_NUMBER, &warmup, 0, 1UL << 20, "rounds before them" },
		{ 0, "json", OPT_FLAG, &json, 0, 0, "JSON instead of a table" },
		{ }
	};
	struct report *r;
	struct vm *vm;
	void *backing;

	options_parse(argc, argv, usage, about, table);

	vm = vm_create(NULL);
	vcpu_create(vm, 0);
	backing = vm_backing_alloc(SZ_64K, VM_4K);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64K, backing);

	r = report_new("empty", argc, argv);
	report_number(r, "iterations", iterations);
	report_number(r, "warmup", warmup);
	delete_ns = report_series(r, "delete_ns", "delete the slot");
	create_ns = report_series(r, "create_ns", "make it again");

	for (i = 0; i < warmup + iterations; i++) {
		start = vm_now_ns();
		vm_delete_slot(vm, 0);
		deleted = vm_now_ns() - start;

		start = vm_now_ns();
		vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64K, backing);
		created = vm_now_ns() - start;

		if (i < warmup)
			continue;
		report_sample(delete_ns, deleted);
		report_sample(create_ns, created);
	}

	report_print(r, json);
	vm_destroy(vm);
	vm_backing_free(backing, SZ_64K);
	return 0;
}

const struct workload bench_empty = {
	.name = "empty",
	.help = "delete and re-create a memslot of a VM that has nothing mapped",
	.run = run,
};
