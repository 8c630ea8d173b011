// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench rom: a guest reads a device's ROM, as VMMs implement it: the
 * memslot of the ROM is deleted and made again. Its own mappings are few; what a
 * policy drops beyond them, the guest has to fault in again.
 *
 * The idea of the measurement is that of the mmtest that the memslot zapping of
 * 2013 and 2019 was argued with, see Documentation/virt/kvm.
 */
#include <string.h>

#include "bench.h"
#include "guest_ram.h"
#include "host.h"
#include "options.h"

#define ROM_SLOT	1

/* KVM statistics of the VM, counted over a delete; not all kernels have all. */
static const struct {
	const char *stat, *series, *about;
} zap_stats[] = {
	{ "zap_ns", "zap_ns", "delete: the zap alone" },
	{ "zap_sptes", "zap_sptes", "delete: leaf SPTEs dropped" },
	{ "zap_tables", "zap_tables", "delete: page tables freed" },
	{ "zap_yields", "zap_yields", "delete: lock breaks" },
	{ "mmu_shadow_zapped", "shadow_zapped", "delete: shadow pages, KVM's own count" },
	{ "remote_tlb_flush", "tlb_flushes", "delete: remote TLB flushes" },
};

#define NR_ZAP_STATS	ARRAY_SIZE(zap_stats)

static const char usage[] = "kvm-zap-bench rom [OPTION...]";
static const char about[] =
"Deletes and re-creates the memslot of a ROM in a VM all of whose memory is\n"
"mapped, and lets the guest touch that memory again. Before each delete the\n"
"guest has read the ROM. Times are CLOCK_MONOTONIC; delete and create both\n"
"contain a grace period of SRCU, which no policy changes: zap_ns does not.";

struct rom {
	struct guest_ram ram;
	void *backing;
	unsigned long bytes;
	struct series *delete, *create, *touch, *faults, *zap[NR_ZAP_STATS];
};

static void rom_create(struct rom *rom)
{
	vm_set_slot(rom->ram.vm, ROM_SLOT, KVM_MEM_READONLY, VM_ROM_GPA, rom->bytes,
		    rom->backing);
}

/* One round; samples are kept only if @keep. */
static void iterate(struct rom *rom, bool keep)
{
	uint64_t before[NR_ZAP_STATS], after[NR_ZAP_STATS], faults, faults_after;
	uint64_t start, deleted, created, touched;
	struct vm *vm = rom->ram.vm;
	int have[NR_ZAP_STATS], have_faults;
	unsigned int i;

	vcpu_read(rom->ram.vcpu[0], VM_ROM_GPA, rom->bytes);
	for (i = 0; i < NR_ZAP_STATS; i++)
		have[i] = !vm_stat(vm, zap_stats[i].stat, &before[i]);

	start = vm_now_ns();
	vm_delete_slot(vm, ROM_SLOT);
	deleted = vm_now_ns() - start;

	for (i = 0; i < NR_ZAP_STATS; i++)
		have[i] = have[i] && !vm_stat(vm, zap_stats[i].stat, &after[i]);

	start = vm_now_ns();
	rom_create(rom);
	created = vm_now_ns() - start;

	have_faults = !vm_vcpus_stat(vm, "pf_taken", &faults);
	touched = guest_ram_touch(&rom->ram, GUEST_OP_READ);
	have_faults = have_faults && !vm_vcpus_stat(vm, "pf_taken", &faults_after);

	if (!keep)
		return;
	report_sample(rom->delete, deleted);
	report_sample(rom->create, created);
	report_sample(rom->touch, touched);
	if (have_faults)
		report_sample(rom->faults, faults_after - faults);
	for (i = 0; i < NR_ZAP_STATS; i++)
		if (have[i])
			report_sample(rom->zap[i], after[i] - before[i]);
}

static int run(int argc, char **argv)
{
	struct rom rom = {
		.ram = { .vcpus = 1, .mib = 256, .page = VM_4K, .guest_page = VM_2M },
	};
	unsigned long iterations = 10, warmup = 1, rom_kib = 64, i;
	bool json = false;
	const struct option_desc table[] = {
		{ 'c', "vcpus", OPT_NUMBER, &rom.ram.vcpus, 1, VM_VCPUS_MAX, "vCPUs" },
		{ 'm', "mib", OPT_NUMBER, &rom.ram.mib, 1, 1UL << 24,
		  "memory of each vCPU in MiB" },
		{ 'n', "iterations", OPT_NUMBER, &iterations, 1, 1UL << 20, "measured rounds" },
		{ 'w', "warmup", OPT_NUMBER, &warmup, 0, 1UL << 20, "rounds before them" },
		{ 's', "rom-kib", OPT_NUMBER, &rom_kib, 4, 1UL << 17, "size of the ROM in KiB" },
		{ 'p', "page", OPT_PAGE, &rom.ram.page, 0, 0, "host's page size" },
		{ 0, "guest-page", OPT_PAGE, &rom.ram.guest_page, 0, 0,
		  "page size of the guest's own tables" },
		{ 0, "json", OPT_FLAG, &json, 0, 0, "JSON instead of a table" },
		{ }
	};
	struct report *r;

	options_parse(argc, argv, usage, about, table);
	rom.bytes = rom_kib * 1024;
	if (rom.bytes % SZ_4K)
		options_bad(usage, "--rom-kib %lu: give a multiple of 4", rom_kib);
	guest_ram_check(&rom.ram, usage);

	guest_ram_create(&rom.ram);
	if (!vm_cap(rom.ram.vm, KVM_CAP_READONLY_MEM))
		vm_die("this kernel has no read-only memslots (KVM_CAP_READONLY_MEM)");
	rom.backing = vm_backing_alloc(rom.bytes, VM_4K);
	rom_create(&rom);
	guest_pt_map(rom.ram.vm->pt, VM_ROM_GPA, VM_ROM_GPA,
		     (rom.bytes + rom.ram.guest_page - 1) & -rom.ram.guest_page, 0);
	guest_ram_touch(&rom.ram, GUEST_OP_WRITE);

	r = report_new("rom", argc, argv);
	report_number(r, "vcpus", rom.ram.vcpus);
	report_number(r, "mib", rom.ram.mib);
	report_number(r, "iterations", iterations);
	report_number(r, "warmup", warmup);
	report_number(r, "rom_kib", rom_kib);
	report_word(r, "page", page_word(rom.ram.page));
	report_word(r, "guest_page", page_word(rom.ram.guest_page));
	guest_ram_check_pages(&rom.ram, r);
	rom.delete = report_series(r, "delete_ns", "delete the ROM's slot");
	rom.create = report_series(r, "create_ns", "make it again");
	rom.touch = report_series(r, "touch_ns", "the guest touches all its memory");
	rom.faults = report_series(r, "touch_faults", "touch: page faults KVM took");
	for (i = 0; i < NR_ZAP_STATS; i++)
		rom.zap[i] = report_series(r, zap_stats[i].series, zap_stats[i].about);

	for (i = 0; i < warmup + iterations; i++)
		iterate(&rom, i >= warmup);
	report_print(r, json);
	guest_ram_destroy(&rom.ram);
	vm_backing_free(rom.backing, rom.bytes);
	return 0;
}

const struct workload bench_rom = {
	.name = "rom",
	.help = "delete and re-create a ROM's memslot; what follows for the guest",
	.run = run,
};
