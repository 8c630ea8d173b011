// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench reset: vCPUs that have run are reset, as when a guest of arm64 reboots. On
 * a CPU without FWB, KVM then unmaps all of the VM's memory, once for each vCPU.
 */
#include "bench.h"
#include "bench_slot.h"
#include "options.h"

static const char command[] = "kvm-zap-bench reset";
static const char about[] =
"Resets all vCPUs, one after the other, of a VM whose memory is fully mapped, and lets the\n"
"guest touch that memory again. All vCPUs have run before, so each of them is an\n"
"invalidation. On a CPU with FWB, KVM does not unmap anything. Times are CLOCK_MONOTONIC.";

static void iterate(struct guest_ram *ram, struct slot_meter *m, bool keep)
{
	unsigned int i;

	slot_meter_start(m, keep);
	slot_begin(m, SLOT_ZAP);
	for (i = 0; i < ram->vcpus; i++)
		vcpu_init_again(ram->vcpu[i]);
	slot_end(m, SLOT_ZAP);

	slot_begin(m, SLOT_TOUCH);
	guest_ram_touch(ram, GUEST_OP_WRITE);
	slot_end(m, SLOT_TOUCH);
	slot_meter_stop(m);
}

static int run(int argc, char **argv)
{
	struct guest_ram ram = { .vcpus = 1, .mib = 256, .page = VM_4K, .guest_page = VM_2M };
	unsigned long iterations = 10, warmup = 1, i;
	bool json = false;
	const struct option_desc table[] = {
		{ 'c', "vcpus", OPT_NUMBER, &ram.vcpus, 1, VM_VCPUS_MAX, "vCPUs" },
		{ 'm', "mib", OPT_NUMBER, &ram.mib, 1, 1UL << 24,
		  "memory of each vCPU in MiB" },
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		BENCH_PAGE(&ram.page),
		BENCH_GUEST_PAGE(&ram.guest_page),
		BENCH_JSON(&json),
		{ }
	};
	struct slot_meter meter;
	struct report *r;

	options_parse(argc, argv, command, about, table);
	guest_ram_check(&ram, command);
	guest_ram_create(&ram);
	guest_ram_touch(&ram, GUEST_OP_WRITE);

	r = report_new("reset", argc, argv);
	report_number(r, "vcpus", ram.vcpus);
	guest_ram_report(&ram, r, iterations, warmup);
	guest_ram_check_pages(&ram, r);
	slot_meter_init(&meter, ram.vm, r, "reset_ns", "reset the vCPUs, all of them");

	for (i = 0; i < warmup + iterations; i++)
		iterate(&ram, &meter, i >= warmup);
	report_print(r, json);
	guest_ram_destroy(&ram);
	return 0;
}

const struct workload bench_reset = {
	.name = "reset",
	.help = "reset vCPUs of a VM whose memory is fully mapped",
	.run = run,
};
