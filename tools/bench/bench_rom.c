// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench rom: a guest reads a device's ROM, as VMMs implement it: the memslot of
 * the ROM is deleted and created again. It has few mappings of its own; if a policy drops
 * more than these, the guest has to fault them in again.
 *
 * The idea of the measurement comes from the mmtest on which the memslot zapping of 2013
 * and 2019 was based, see Documentation/virt/kvm.
 */
#include <unistd.h>

#include "bench.h"
#include "bench_slot.h"
#include "options.h"

static const char command[] = "kvm-zap-bench rom";
static const char about[] =
"Deletes and re-creates the memslot of a ROM in a VM whose memory is fully mapped,\n"
"and lets the guest touch that memory again. Before each deletion, the guest reads\n"
"the ROM. Times are CLOCK_MONOTONIC. Delete and create both contain an SRCU grace\n"
"period, which no policy changes; zap_ns and total_cpu_ns do not contain it.";

static int run(int argc, char **argv)
{
	struct guest_ram ram = { .vcpus = 1, .mib = 256, .page = VM_4K, .guest_page = VM_2M };
	unsigned long iterations = 10, warmup = 1, rom_kib = 64, pause_ms = 0, i;
	struct slot rom = { .gpa = VM_ROM_GPA, .flags = KVM_MEM_READONLY, .stride = SZ_4K };
	const struct slot_rounds rounds = {
		.ram = &ram, .slot = &rom, .op = GUEST_OP_READ, .no_retouch = true,
	};
	bool json = false;
	const struct option_desc table[] = {
		{ 'c', "vcpus", OPT_NUMBER, &ram.vcpus, 1, VM_VCPUS_MAX, "vCPUs" },
		{ 'm', "mib", OPT_NUMBER, &ram.mib, 1, 1UL << 24,
		  "memory of each vCPU in MiB" },
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		{ 's', "rom-kib", OPT_NUMBER, &rom_kib, 4, 1UL << 17, "size of the ROM in KiB" },
		{ 0, "pause-ms", OPT_NUMBER, &pause_ms, 0, 60000, "rest before each round in ms" },
		BENCH_PAGE(&ram.page),
		BENCH_GUEST_PAGE(&ram.guest_page),
		BENCH_JSON(&json),
		{ }
	};
	struct slot_meter meter;
	struct report *r;

	options_parse(argc, argv, command, about, table);
	rom.bytes = rom_kib * 1024;
	if (rom.bytes % SZ_4K)
		options_bad(command, "--rom-kib %lu: give a multiple of 4", rom_kib);
	rom.pages = rom.bytes / SZ_4K;
	guest_ram_check(&ram, command);

	guest_ram_create(&ram);
	if (!vm_cap(ram.vm, KVM_CAP_READONLY_MEM))
		vm_die("this kernel has no read-only memslots (KVM_CAP_READONLY_MEM)");
	rom.vm = ram.vm;
	rom.backing = vm_backing_alloc(rom.bytes, VM_4K);
	slot_set(&rom);
	guest_pt_map(ram.vm->pt, VM_ROM_GPA, VM_ROM_GPA,
		     (rom.bytes + ram.guest_page - 1) & -ram.guest_page, 0);
	guest_ram_touch(&ram, GUEST_OP_WRITE);

	r = report_new("rom", argc, argv);
	report_number(r, "vcpus", ram.vcpus);
	report_number(r, "rom_kib", rom_kib);
	report_number(r, "pause_ms", pause_ms);
	guest_ram_report(&ram, r, iterations, warmup);
	guest_ram_check_pages(&ram, r);
	slot_meter_init(&meter, ram.vm, r, "delete_ns", "delete the ROM's slot");
	slot_meter_rest(&meter, &ram, r);

	for (i = 0; i < warmup + iterations; i++) {
		if (pause_ms)
			usleep(pause_ms * 1000);
		slot_round(&meter, &rounds, i >= warmup);
	}
	report_print(r, json);
	guest_ram_destroy(&ram);
	vm_backing_free(rom.backing, rom.bytes);
	return 0;
}

const struct workload bench_rom = {
	.name = "rom",
	.help = "delete and re-create a ROM's memslot; the guest faults in again",
	.run = run,
};
