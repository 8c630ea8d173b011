// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench nested: the guest runs a guest of its own, whose memory is a memslot that
 * is deleted and created again. KVM maps that memory by shadow pages of the guest's
 * nested page tables, even if the TDP MMU maps the guest. A policy that is cheap for the
 * guest may still drop all of the nested guest's mappings, or walk all shadow pages.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "bench_slot.h"
#include "nested.h"
#include "options.h"

#define CTL_SLOT	(BENCH_SLOT + 1)
#define CTL_GPA		VM_ROM_GPA

/* Two memories take turns behind the slot: what is left of one shows up. */
#define GENERATIONS	2

static const char command[] = "kvm-zap-bench nested";
static const char about[] =
"Deletes and re-creates the memslot that holds the memory of a nested guest (SVM or\n"
"VMX, nested paging), and lets both guests touch their memory again. Each\n"
"re-creation uses other memory; the nested guest checks what it reads. Times are\n"
"CLOCK_MONOTONIC. Delete and create both contain an SRCU grace period, which no\n"
"policy changes; zap_ns and total_cpu_ns do not contain it. Exit status 4 if this\n"
"KVM has no nested paging for guests.";

struct nested_bench {
	struct guest_ram ram;
	struct slot slot;
	void *backing[GENERATIONS];
	unsigned long gen;		/* of what is behind the slot now */
	uint64_t l2_bytes;		/* of the slot, from its start on */
	bool tables_inside;
	unsigned long nested_page;

	void *ctl;
	size_t ctl_bytes;
	struct nested *nested;

	struct slot_meter meter;
	struct series *l2_touch;
};

/* Stamps of one memory are not those of the other's pages nearby. */
static uint64_t stamp_value(unsigned long gen)
{
	return (gen + 1) << 52;
}

static void stamp(const struct nested_bench *b, unsigned long gen)
{
	unsigned char *memory = b->backing[gen];
	uint64_t i, value;

	for (i = 0; i < b->l2_bytes; i += SZ_4K) {
		value = guest_stamp(NESTED_GPA + i, stamp_value(gen));
		memcpy(memory + i, &value, sizeof(value));
	}
}

/* The nested page tables, in the slot that goes or beside it. */
static void map_l2(struct nested_bench *b)
{
	if (b->tables_inside)
		nested_npt(b->nested, b->slot.gpa + b->l2_bytes,
			   (char *)b->slot.backing + b->l2_bytes, b->slot.bytes - b->l2_bytes);
	else
		nested_npt(b->nested, CTL_GPA + NESTED_CTL_BYTES,
			   (char *)b->ctl + NESTED_CTL_BYTES, b->ctl_bytes - NESTED_CTL_BYTES);
	nested_map_by(b->nested, NESTED_GPA, b->slot.gpa, b->l2_bytes, b->nested_page);
}

static void setup(struct nested_bench *b)
{
	size_t npt_bytes = nested_npt_bytes(b->slot.bytes);
	struct vm *vm = b->ram.vm;

	b->l2_bytes = b->slot.bytes - (b->tables_inside ? npt_bytes : 0);
	for (b->gen = 0; b->gen < GENERATIONS; b->gen++) {
		b->backing[b->gen] = vm_backing_alloc(b->slot.bytes, VM_4K);
		stamp(b, b->gen);
	}
	b->gen = 0;
	b->slot.vm = vm;
	b->slot.backing = b->backing[0];
	b->slot.gpa = slot_place(&b->ram, 0, b->slot.bytes);
	slot_set(&b->slot);

	b->ctl_bytes = NESTED_CTL_BYTES + npt_bytes;
	b->ctl = vm_backing_alloc(b->ctl_bytes, VM_4K);
	vm_set_slot(vm, CTL_SLOT, 0, CTL_GPA, b->ctl_bytes, b->ctl);
	guest_pt_map(vm->pt, CTL_GPA, CTL_GPA, NESTED_CTL_BYTES, VM_4K);
	b->nested = nested_create(vm, CTL_GPA, b->ctl, NESTED_CTL_BYTES);
	map_l2(b);
}

static void l2_check(struct nested_bench *b)
{
	nested_check(b->nested, b->ram.vcpu[0], NESTED_GPA, b->l2_bytes, stamp_value(b->gen));
}

static void iterate(struct nested_bench *b, bool keep)
{
	struct slot_meter *m = &b->meter;
	uint64_t start, l2_ns;

	l2_check(b);
	slot_meter_start(m, keep);
	slot_begin(m, SLOT_ZAP);
	slot_delete(&b->slot);
	slot_end(m, SLOT_ZAP);

	b->gen = (b->gen + 1) % GENERATIONS;
	b->slot.backing = b->backing[b->gen];
	slot_begin(m, SLOT_CREATE);
	slot_set(&b->slot);
	slot_end(m, SLOT_CREATE);
	if (b->tables_inside)
		map_l2(b);

	slot_begin(m, SLOT_TOUCH);
	start = vm_now_ns();
	l2_check(b);
	l2_ns = vm_now_ns() - start;
	guest_ram_touch(&b->ram, GUEST_OP_READ);
	slot_end(m, SLOT_TOUCH);
	if (keep)
		report_sample(b->l2_touch, l2_ns);
	slot_meter_stop(m);
}

static int run(int argc, char **argv)
{
	struct nested_bench b = {
		.ram = { .vcpus = 1, .mib = 128, .page = VM_4K, .guest_page = VM_2M },
		.nested_page = VM_4K,
	};
	unsigned long iterations = 10, warmup = 1, slot_mib = 64, i;
	bool json = false;
	const struct option_desc table[] = {
		{ 'm', "mib", OPT_NUMBER, &b.ram.mib, 1, 1UL << 24,
		  "memory of the guest itself in MiB" },
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		{ 's', "slot-mib", OPT_NUMBER, &slot_mib, 1, 4096,
		  "memory of the nested guest in MiB: the slot" },
		{ 'p', "page", OPT_PAGE, &b.ram.page, 0, 0,
		  "host's page size, of the guest's memory" },
		BENCH_GUEST_PAGE(&b.ram.guest_page),
		{ 0, "nested-page", OPT_PAGE, &b.nested_page, 0, 0,
		  "page size of the nested page tables" },
		{ 0, "tables-inside", OPT_FLAG, &b.tables_inside, 0, 0,
		  "put the nested page tables into the slot as well" },
		BENCH_JSON(&json),
		{ }
	};
	const char *why;
	struct report *r;

	options_parse(argc, argv, command, about, table);
	b.slot.bytes = slot_mib * SZ_1M;
	slot_check(&b.ram, slot_mib, GENERATIONS * b.slot.bytes, command);
	if (b.nested_page == VM_2M && (slot_mib % 2 || b.tables_inside))
		options_bad(command,
			    "--nested-page 2m: give an even --slot-mib, and tables outside");

	guest_ram_create(&b.ram);
	why = nested_unusable(b.ram.vm);
	if (why) {
		fprintf(stderr, "kvm-zap-bench nested: skipped: %s\n", why);
		guest_ram_destroy(&b.ram);
		return 4;
	}
	guest_ram_touch(&b.ram, GUEST_OP_WRITE);

	r = report_new("nested", argc, argv);
	report_number(r, "slot_mib", slot_mib);
	guest_ram_report(&b.ram, r, iterations, warmup);
	report_word(r, "nested_page", page_word(b.nested_page));
	report_word(r, "nested_tables", b.tables_inside ? "inside" : "outside");
	guest_ram_check_pages(&b.ram, r);
	setup(&b);
	slot_meter_init(&b.meter, b.ram.vm, r, "delete_ns", "delete the nested guest's slot");
	slot_meter_rest(&b.meter, &b.ram, r);
	b.l2_touch = report_series(r, "touch_l2_ns", "touch: the nested guest's part");

	for (i = 0; i < warmup + iterations; i++)
		iterate(&b, i >= warmup);
	report_print(r, json);

	guest_ram_destroy(&b.ram);
	nested_free(b.nested);
	vm_backing_free(b.ctl, b.ctl_bytes);
	for (i = 0; i < GENERATIONS; i++)
		vm_backing_free(b.backing[i], b.slot.bytes);
	return 0;
}

const struct workload bench_nested = {
	.name = "nested",
	.help = "delete and re-create the memslot of a nested guest's memory",
	.run = run,
};
