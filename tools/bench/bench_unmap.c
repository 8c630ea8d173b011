// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench unmap: the VMM unmaps a range of the guest's memory, while its memslot
 * stays. MMU notifiers tell KVM, which drops what the guest has mapped of it. A balloon
 * gives memory back this way, and so does a VMM that throws away what it has migrated.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "bench_slot.h"
#include "host.h"
#include "options.h"

static const char command[] = "kvm-zap-bench unmap";
static const char about[] =
"Unmaps memory of the VMM's that the guest has mapped completely, and lets the guest\n"
"touch it and its other memory again. By madvise(MADV_DONTNEED), the guest gets empty\n"
"pages then; by munmap(), memory is mapped at the same place before (create_ns). The\n"
"memslot stays. Times are CLOCK_MONOTONIC, and most of unmap_ns is the host's own work on\n"
"the pages that it frees. zap_ns and the like are those of site unmap, which only arm64 has.";

static const char * const hows[] = { "dontneed", "munmap", NULL };

struct unmap {
	struct guest_ram ram;
	struct slot slot;
	bool by_munmap;
	struct slot_meter meter;
};

static void drop(const struct unmap *u)
{
	const struct slot *s = &u->slot;

	if (u->by_munmap ? munmap(s->backing, s->bytes)
			 : madvise(s->backing, s->bytes, MADV_DONTNEED))
		vm_die("%s of %lu bytes: %s", u->by_munmap ? "munmap" : "MADV_DONTNEED", s->bytes,
		       strerror(errno));
}

/* Memory where munmap() has left none. */
static void map_again(const struct unmap *u)
{
	const struct slot *s = &u->slot;
	void *p = mmap(s->backing, s->bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != s->backing)
		vm_die("mmap of %lu bytes at %p: %s", s->bytes, s->backing, strerror(errno));
	madvise(p, s->bytes, u->ram.page == VM_2M ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

static void iterate(struct unmap *u, bool keep)
{
	struct slot_meter *m = &u->meter;

	slot_meter_start(m, keep);
	slot_begin(m, SLOT_ZAP);
	drop(u);
	slot_end(m, SLOT_ZAP);

	if (u->by_munmap) {
		slot_begin(m, SLOT_CREATE);
		map_again(u);
		slot_end(m, SLOT_CREATE);
	}

	slot_begin(m, SLOT_TOUCH);
	slot_touch(&u->slot, u->ram.vcpu[0], GUEST_OP_WRITE);
	guest_ram_touch(&u->ram, GUEST_OP_READ);
	slot_end(m, SLOT_TOUCH);
	slot_meter_stop(m);
}

static int run(int argc, char **argv)
{
	struct unmap u = {
		.ram = { .vcpus = 1, .mib = 128, .page = VM_4K, .guest_page = VM_2M },
		.slot = { .stride = SZ_4K },
	};
	unsigned long iterations = 10, warmup = 1, slot_mib = 256, i;
	struct option_word how = { .word = hows[0], .words = hows };
	bool json = false;
	const struct option_desc table[] = {
		{ 's', "slot-mib", OPT_NUMBER, &slot_mib, 2, 1UL << 24,
		  "memory that is unmapped, in MiB" },
		{ 'm', "mib", OPT_NUMBER, &u.ram.mib, 0, 1UL << 24,
		  "other memory of the guest in MiB" },
		{ 0, "by", OPT_WORD, &how, 0, 0, "dontneed (madvise) or munmap" },
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		BENCH_PAGE(&u.ram.page),
		BENCH_GUEST_PAGE(&u.ram.guest_page),
		BENCH_JSON(&json),
		{ }
	};
	struct report *r;

	options_parse(argc, argv, command, about, table);
	u.by_munmap = !strcmp(how.word, "munmap");
	u.slot.bytes = slot_mib * SZ_1M;
	u.slot.pages = u.slot.bytes / SZ_4K;
	slot_check(&u.ram, slot_mib, u.slot.bytes, command);

	u.ram.more_bytes = u.slot.bytes;
	guest_ram_create(&u.ram);
	u.slot.backing = vm_backing_alloc(u.slot.bytes, u.ram.page);
	slot_add(&u.slot, &u.ram);
	guest_ram_touch(&u.ram, GUEST_OP_WRITE);
	slot_touch(&u.slot, u.ram.vcpu[0], GUEST_OP_WRITE);

	r = report_new("unmap", argc, argv);
	report_number(r, "slot_mib", slot_mib);
	guest_ram_report(&u.ram, r, iterations, warmup);
	report_word(r, "by", how.word);
	guest_ram_check_more(&u.ram, u.slot.bytes, r);
	slot_meter_init(&u.meter, u.ram.vm, r, "unmap_ns", "unmap the memory");
	/* Where there is no such site, nothing counts what it drops. */
	u.meter.times_only = !strcmp(host_policy("unmap"), "none");

	for (i = 0; i < warmup + iterations; i++)
		iterate(&u, i >= warmup);
	report_print(r, json);
	guest_ram_destroy(&u.ram);
	vm_backing_free(u.slot.backing, u.slot.bytes);
	return 0;
}

const struct workload bench_unmap = {
	.name = "unmap",
	.help = "unmap memory of the VMM that the guest has mapped",
	.run = run,
};
