// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench mmio-wrap: the MMIO generation wraps. KVM marks each MMIO SPTE with the
 * number of the memslots' generation, of which 19 bits fit. When these are used up, KVM
 * drops what might be mistaken for new: all of the guest's mappings under policy fast,
 * only the MMIO SPTEs under scoped.
 */
#include <stdio.h>
#include <unistd.h>

#include "bench.h"
#include "bench_slot.h"
#include "host.h"
#include "options.h"

static const char command[] = "kvm-zap-bench mmio-wrap";
static const char about[] =
"Lets the guest touch its memory and pages without a memslot. Then changes the\n"
"flags of another memslot until the generation in KVM's MMIO SPTEs wraps (after\n"
"2^18 such changes on x86, 2^17 on 7.2 and 7.3), and lets the guest touch everything\n"
"again: each MMIO access must still exit to user space and read what that returns, and\n"
"memory must be unchanged. Times are CLOCK_MONOTONIC. A change contains an SRCU\n"
"grace period, which no policy changes; zap_ns and the CPU times do not contain it.";

#define STAMP		0x6d6d696f00UL	/* in memory */
#define MMIO_VALUE	0x6f696d6d00UL	/* where no slot is */
#define PROGRESS_NS	5000000000UL

struct wrap {
	struct guest_ram ram;
	struct slot toggled;
	unsigned long mmio_pages, limit;
	bool tty;
	struct series *swaps, *swaps_ns, *swap_cpu, *touch, *exits, *faults, *cpu;
	struct series *stats[SLOT_STATS];
};

/* How often the MMIO generation has wrapped, by KVM's own count. */
static uint64_t wraps(struct vm *vm)
{
	uint64_t fast, scoped;

	if (vm_stat(vm, "mmio_zap_fast", &fast) || vm_stat(vm, "mmio_zap_scoped", &scoped))
		vm_die("this kvm has no statistics mmio_zap_fast and mmio_zap_scoped");
	return fast + scoped;
}

/* Swap the memslots until the generation has wrapped. The last swap's CPU time. */
static uint64_t swap_until_wrap(struct wrap *w, uint64_t *swaps)
{
	uint64_t shown = vm_now_ns(), before = wraps(w->ram.vm), start, cpu;

	for (*swaps = 0; *swaps < w->limit; ) {
		w->toggled.flags ^= KVM_MEM_LOG_DIRTY_PAGES;
		start = host_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
		slot_set(&w->toggled);
		cpu = host_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
		++*swaps;
		if (wraps(w->ram.vm) != before)
			return cpu;
		if (vm_now_ns() - shown > PROGRESS_NS) {
			shown = vm_now_ns();
			fprintf(stderr, "mmio-wrap: %lu swaps of memslots so far%s", *swaps,
				w->tty ? "\r" : "\n");
		}
	}
	vm_die("--limit %lu: the MMIO generation did not wrap within as many swaps of memslots",
	       w->limit);
}

/* All that the guest has: MMIO, then memory. Number of MMIO exits. */
static uint64_t touch(struct wrap *w)
{
	struct guest_op op = {
		.op = GUEST_OP_READ, .start = VM_ROM_GPA, .bytes = w->mmio_pages * SZ_4K,
	};
	struct guest_result res;

	vcpu_must(w->ram.vcpu[0], &op, &res);
	if (res.mmio_reads != w->mmio_pages)
		vm_die("the guest read %lu pages where no slot is, %lu reads were MMIO exits",
		       w->mmio_pages, res.mmio_reads);
	if (res.value != w->mmio_pages * MMIO_VALUE)
		vm_die("the guest's MMIO reads add up to 0x%lx, not 0x%lx", res.value,
		       w->mmio_pages * MMIO_VALUE);
	vcpu_check(w->ram.vcpu[0], VM_RAM_GPA, w->ram.bytes, STAMP);
	return res.mmio_reads;
}

static void iterate(struct wrap *w)
{
	uint64_t start, swap_cpu, zap_ns, cpu, swaps, faults, faults_after, exits;
	struct slot_stats before, after;

	touch(w);
	slot_stats_read(w->ram.vm, &before);
	start = vm_now_ns();
	swap_cpu = swap_until_wrap(w, &swaps);
	report_sample(w->swaps_ns, vm_now_ns() - start);
	/* Of these, the swaps before changed none of those that tell of zaps. */
	slot_stats_read(w->ram.vm, &after);
	report_sample(w->swaps, swaps);
	slot_stats_sample(w->stats, &before, &after);
	/* As in bench_slot.h: a long zap may not be in the CPU time. */
	zap_ns = after.value[SLOT_STAT_ZAP_NS] - before.value[SLOT_STAT_ZAP_NS];
	if (before.have[SLOT_STAT_ZAP_NS] && after.have[SLOT_STAT_ZAP_NS] && swap_cpu < zap_ns)
		swap_cpu = zap_ns;
	report_sample(w->swap_cpu, swap_cpu);

	if (vm_vcpus_stat(w->ram.vm, "pf_taken", &faults))
		faults = UINT64_MAX;
	cpu = host_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	start = vm_now_ns();
	exits = touch(w);
	report_sample(w->touch, vm_now_ns() - start);
	report_sample(w->cpu, swap_cpu + host_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	if (faults != UINT64_MAX && !vm_vcpus_stat(w->ram.vm, "pf_taken", &faults_after))
		report_sample(w->faults, faults_after - faults);
	report_sample(w->exits, exits);
}

static void make_vm(struct wrap *w)
{
	guest_ram_create(&w->ram);
	w->ram.vm->mmio_value = MMIO_VALUE;
	guest_pt_map(w->ram.vm->pt, VM_ROM_GPA, VM_ROM_GPA,
		     (w->mmio_pages * SZ_4K + SZ_2M - 1) & -SZ_2M, VM_2M);
	w->toggled.vm = w->ram.vm;
	w->toggled.gpa = slot_place(&w->ram, 0, SZ_4K);
	w->toggled.backing = vm_backing_alloc(w->toggled.bytes, VM_4K);
	slot_set(&w->toggled);
	vcpu_stamp(w->ram.vcpu[0], VM_RAM_GPA, w->ram.bytes, STAMP);
}

static int run(int argc, char **argv)
{
	struct wrap w = {
		.ram = { .vcpus = 1, .mib = 64, .page = VM_4K, .guest_page = VM_2M },
		.toggled = { .bytes = SZ_4K },
		.mmio_pages = 64,
		.limit = 300000,
		.tty = isatty(STDERR_FILENO),
	};
	unsigned long iterations = 1, i;
	bool json = false;
	const struct option_desc table[] = {
		{ 0, "mmio-pages", OPT_NUMBER, &w.mmio_pages, 1,
		  (VM_SYS_GPA - VM_ROM_GPA) / SZ_4K, "touched pages without a slot" },
		{ 'm', "mib", OPT_NUMBER, &w.ram.mib, 2, 1UL << 24,
		  "memory of the guest in MiB" },
		BENCH_ITERATIONS(&iterations, "wraps"),
		{ 0, "limit", OPT_NUMBER, &w.limit, 1, 1UL << 40,
		  "swaps of memslots to try for each" },
		BENCH_PAGE(&w.ram.page),
		BENCH_JSON(&json),
		{ }
	};
	struct report *r;

	options_parse(argc, argv, command, about, table);
	guest_ram_check(&w.ram, command);
	make_vm(&w);

	r = report_new("mmio-wrap", argc, argv);
	report_number(r, "mmio_pages", w.mmio_pages);
	report_number(r, "mib", w.ram.mib);
	report_number(r, "iterations", iterations);
	report_number(r, "limit", w.limit);
	report_word(r, "page", page_word(w.ram.page));
	w.swaps = report_series(r, "swaps", "swaps of memslots until the generation wrapped");
	w.swaps_ns = report_series(r, "swaps_ns", "all of them, grace periods and all");
	w.swap_cpu = report_series(r, "swap_cpu_ns", "CPU time of the one that wrapped");
	w.touch = report_series(r, "touch_ns", "the guest touches MMIO and its memory again");
	w.faults = report_series(r, "touch_faults", "touch: page faults KVM took");
	w.exits = report_series(r, "mmio_exits", "touch: MMIO exits");
	w.cpu = report_series(r, "total_cpu_ns", "CPU time of the swap that wrapped and the touch");
	slot_stats_series(r, w.stats);

	for (i = 0; i < iterations; i++)
		iterate(&w);
	report_print(r, json);
	guest_ram_destroy(&w.ram);
	vm_backing_free(w.toggled.backing, w.toggled.bytes);
	return 0;
}

const struct workload bench_mmio_wrap = {
	.name = "mmio-wrap",
	.help = "use up the MMIO generation, and let the guest fault in again",
	.run = run,
};
