// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench replay: a VM of this program repeats the memslot updates of a recorded
 * VM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "bench_slot.h"
#include "host.h"
#include "options.h"
#include "replay.h"

static const char command[] = "kvm-zap-bench replay FILE";
static const char about[] =
"Repeats the memslot updates that 'kvm-zap record -o FILE' has written, with a VM\n"
"of its own, in the same order and with the same numbers, sizes and flags. Before\n"
"each deletion or move, the guest maps as much as was mapped in the recording: of\n"
"the memslot itself, as far as that is known, and beside it for the rest. A mapping\n"
"of the recording, whatever its size, is one of 4 KiB here, and is read. If that is\n"
"more memory than --max-memory, all of it is scaled down alike, but not the sizes\n"
"of memslots. Addresses are the recording's, moved by whole GiB.\n\n"
"A sample is a deletion or move, with the updates that follow it and what the guest\n"
"touches until the next one. Times are CLOCK_MONOTONIC. An update contains SRCU\n"
"grace periods, which no policy changes; zap_ns and total_cpu_ns do not contain\n"
"them.";

struct rerun {
	struct replay *r;
	bool paced;
	struct vm *vm;
	struct vcpu *vcpu;
	void *rest;
	struct slot_meter meter;
	bool in_round, creating;
	const struct replay_update *last;	/* that dropped something */
	uint64_t start_ns;
};

static unsigned int rest_slot(const struct vm *vm)
{
	return vm->sys_slot - 1;
}

static void touch(struct rerun *t, uint64_t gpa, uint64_t pages)
{
	struct guest_op op = {
		.op = GUEST_OP_READ,
		.start = gpa,
		.bytes = pages * SZ_4K,
	};

	if (pages)
		vcpu_must(t->vcpu, &op, NULL);
}

static void touch_rest(struct rerun *t, const struct replay_update *u)
{
	touch(t, VM_RAM_GPA, u->touch_rest);
}

static void set_slot(const struct rerun *t, const struct replay_slot *slot,
		     const struct replay_region *region, unsigned long line)
{
	int ret = vm_try_slot(t->vm, slot->as_id << 16 | slot->id, region->flags,
			      replay_place(t->r, region->gfn), region->pages * SZ_4K,
			      slot->backing);

	if (ret)
		replay_bad(t->r, line, "KVM refuses slot %u, gfn %lu, pages %lu, flags %u: %s",
			   slot->id, region->gfn, region->pages, region->flags, strerror(-ret));
}

static void update_slot(const struct rerun *t, const struct replay_update *u)
{
	const struct replay_slot *slot = &t->r->slots[u->slot];
	struct replay_region region = u->region;

	if (u->change == REPLAY_DELETE)
		region.pages = 0;
	set_slot(t, slot, &region, u->line);
}

static void wait_for(const struct rerun *t, const struct replay_update *u)
{
	uint64_t ns = t->start_ns + u->at_ns - t->r->updates[0].at_ns;
	struct timespec until = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (t->paced &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Rounds -------------------------------------------------------------------- */

static void end_create(struct rerun *t)
{
	if (t->creating)
		slot_end(&t->meter, SLOT_CREATE);
	t->creating = false;
}

/* The guest touches what is to be mapped before @next; at the end, what is left of it. */
static void end_round(struct rerun *t, const struct replay_update *next)
{
	end_create(t);
	if (t->in_round)
		slot_begin(&t->meter, SLOT_TOUCH);
	if (next) {
		touch(t, replay_place(t->r, next->from_gfn), next->touch_own);
		touch_rest(t, next);
	} else if (t->last) {
		touch_rest(t, t->last);
	}
	if (t->in_round) {
		slot_end(&t->meter, SLOT_TOUCH);
		slot_meter_stop(&t->meter);
	}
	t->in_round = false;
}

static void drop(struct rerun *t, const struct replay_update *u, bool keep)
{
	end_round(t, u);
	wait_for(t, u);
	t->last = u;
	t->in_round = true;
	slot_meter_start(&t->meter, keep);
	slot_begin(&t->meter, SLOT_ZAP);
	update_slot(t, u);
	slot_end(&t->meter, SLOT_ZAP);
}

static void change(struct rerun *t, const struct replay_update *u)
{
	/* With waits in between there is nothing to time as a whole. */
	if (t->paced)
		end_create(t);
	wait_for(t, u);
	if (t->in_round && !t->creating) {
		slot_begin(&t->meter, SLOT_CREATE);
		t->creating = true;
	}
	update_slot(t, u);
}

static void run_updates(struct rerun *t, bool keep)
{
	size_t i;

	t->start_ns = vm_now_ns();
	t->last = NULL;
	for (i = 0; i < t->r->nr_updates; i++) {
		const struct replay_update *u = &t->r->updates[i];

		if (u->change == REPLAY_DELETE || u->change == REPLAY_MOVE)
			drop(t, u, keep);
		else
			change(t, u);
	}
	end_round(t, NULL);
}

/* The VM -------------------------------------------------------------------- */

static void make_vm(struct rerun *t)
{
	struct replay *r = t->r;
	uint64_t rest = r->rest_pages * SZ_4K, mapped = (rest + SZ_2M - 1) & -SZ_2M;
	struct vm_opts opts = {
		.pt_bytes = (mapped + r->slot_bytes) / SZ_2M * 16 + SZ_2M,
	};
	size_t i;

	t->vm = vm_create(&opts);
	t->meter.vm = t->vm;
	if (replay_place(r, r->ranges[r->nr_ranges - 1].end - 1) >> t->vm->gpa_bits)
		vm_die("%s: its memslots are in %lu GiB of guest memory, behind %lu MiB of other: that does not fit into %u bits of address",
		       r->path, r->slot_bytes / SZ_1G, mapped / SZ_1M, t->vm->gpa_bits);
	for (i = 0; i < r->nr_slots; i++) {
		if (r->slots[i].id >= rest_slot(t->vm))
			replay_bad(r, r->slots[i].line, "'slot': %u: here it may be up to %u",
				   r->slots[i].id, rest_slot(t->vm) - 1);
		if (r->slots[i].at_start)
			set_slot(t, &r->slots[i], &r->slots[i].start, r->slots[i].line);
	}
	for (i = 0; i < r->nr_ranges; i++) {
		uint64_t gpa = r->ranges[i].to * SZ_4K;

		guest_pt_map(t->vm->pt, gpa, gpa, (r->ranges[i].end - r->ranges[i].from) * SZ_4K,
			     0);
	}
	if (rest) {
		vm_set_slot(t->vm, rest_slot(t->vm), 0, VM_RAM_GPA, rest, t->rest);
		guest_pt_map(t->vm->pt, VM_RAM_GPA, VM_RAM_GPA, mapped, 0);
	}
	t->vcpu = vcpu_create(t->vm, 0);
}

/* What the guest touches is there before, so that the host's faults are not measured. */
static void populate(struct rerun *t)
{
	struct replay *r = t->r;
	uint64_t page;
	size_t i;

	for (i = 0; i < r->nr_slots; i++) {
		struct replay_slot *slot = &r->slots[i];

		slot->backing = slot_reserve(slot->max_pages * SZ_4K);
		for (page = 0; page < slot->max_own; page++)
			((char *)slot->backing)[page * SZ_4K] = 1;
	}
	if (r->rest_pages)
		t->rest = vm_backing_alloc(r->rest_pages * SZ_4K, VM_4K);
}

static struct report *make_report(struct rerun *t, int argc, char **argv,
				  unsigned long iterations, unsigned long warmup)
{
	const struct replay *r = t->r;
	const struct guest_ram rest = { .bytes = r->rest_pages * SZ_4K };
	struct report *report = report_new("replay", argc, argv);
	char scale[32];

	snprintf(scale, sizeof(scale), "%.6f", r->scale);
	report_word(report, "file", r->path);
	report_number(report, "updates", r->nr_updates);
	report_number(report, "invalidations", r->invalidations);
	report_number(report, "slots", r->nr_slots);
	report_number(report, "others", r->others);
	report_number(report, "assumed", r->assumed);
	report_number(report, "unknown", r->unknown);
	report_word(report, "scale", scale);
	report_word(report, "paced", t->paced ? "yes" : "no");
	report_number(report, "iterations", iterations);
	report_number(report, "warmup", warmup);
	slot_meter_init(&t->meter, NULL, report, "delete_ns", "delete or move the slot");
	slot_meter_rest(&t->meter, &rest, report);
	return report;
}

static void say_plan(const struct replay *r)
{
	if (r->scale < 1)
		fprintf(stderr, "%s: %s: %.4g of what was mapped, for want of memory: see --max-memory\n",
			program_invocation_short_name, r->path, r->scale);
	if (r->assumed)
		fprintf(stderr, "%s: %s: of %lu of %lu invalidations it is not known what was mapped of the memslot: taken for all of it\n",
			program_invocation_short_name, r->path, r->assumed, r->invalidations);
	if (r->unknown)
		fprintf(stderr, "%s: %s: of %lu of %lu it is not known what was mapped: nothing is\n",
			program_invocation_short_name, r->path, r->unknown, r->invalidations);
	if (r->others)
		fprintf(stderr, "%s: %s: %lu invalidations of no memslot are left out\n",
			program_invocation_short_name, r->path, r->others);
}

static int run(int argc, char **argv)
{
	unsigned long iterations = 1, warmup = 0, max_mib = 0, i;
	struct replay r = { };
	struct rerun t = { .r = &r };
	bool json = false;
	const struct option_desc table[] = {
		{ 'M', "max-memory", OPT_NUMBER, &max_mib, 0, 1UL << 24,
		  "host memory in MiB, including page tables; 0: half of what is free" },
		{ 0, "paced", OPT_FLAG, &t.paced, 0, 0,
		  "wait between updates as long as in the recording" },
		BENCH_ITERATIONS(&iterations, "repetitions, each with a VM of its own"),
		BENCH_WARMUP(&warmup, "repetitions"),
		BENCH_JSON(&json),
		{ }
	};
	uint64_t max_bytes;
	const char *path = argc > 1 && *argv[1] != '-' ? argv[1] : NULL;
	struct report *report;

	options_parse(argc - !!path, argv + !!path, command, about, table);
	if (!path)
		options_bad(command, "give what 'kvm-zap record -o FILE' has written");
	replay_read(&r, path);
	max_bytes = max_mib ? max_mib * SZ_1M : host_mem_available() / 2;
	replay_plan(&r, max_bytes, VM_RAM_GPA);
	host_need_memory(slot_sparse_bytes(0, r.rest_pages), path);
	say_plan(&r);
	populate(&t);
	report = make_report(&t, argc, argv, iterations, warmup);
	for (i = 0; i < warmup + iterations; i++) {
		make_vm(&t);
		run_updates(&t, i >= warmup);
		vm_destroy(t.vm);
	}
	report_print(report, json);
	return 0;
}

const struct workload bench_replay = {
	.name = "replay",
	.help = "repeat what 'kvm-zap record' has recorded of a VM",
	.run = run,
};
