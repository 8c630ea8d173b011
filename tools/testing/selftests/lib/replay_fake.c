// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is above and below tools/bench/bench_replay.c, for bench_replay_test.c: KVM, the plan,
 * the clock and the report. Each call is noted, see unit.h and replay_fake.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "bench.h"
#include "bench_slot.h"
#include "host.h"
#include "replay_fake.h"
#include "unit.h"

struct replay_fake fake;
static struct vm vm;
static const char * const step_names[] = { "zap", "create", "touch" };

void replay_bad(const struct replay *r, unsigned long line, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vm_die("%s:%lu: %s", r->path, line, text);
}

void replay_read(struct replay *r, const char *path)
{
	*r = fake.plan;
	r->path = path;
}

void replay_plan(struct replay *r, uint64_t max, uint64_t base)
{
	(void)r;
	fake.max_bytes = base == VM_RAM_GPA ? max : 0;
}

uint64_t replay_place(const struct replay *r, uint64_t gfn)
{
	(void)r;
	return REPLAY_FAKE_BASE + gfn * SZ_4K;
}

uint64_t host_mem_available(void)
{
	return 1000;
}

void host_need_memory(uint64_t bytes, const char *what)
{
	unit_note("needs %lu for %s", bytes, what);
}

uint64_t slot_sparse_bytes(uint64_t bytes, uint64_t pages)
{
	return bytes + 7 * pages;
}

void *slot_reserve(uint64_t bytes)
{
	unit_note("room of %lu", bytes / SZ_4K);
	return fake.memory;
}

void *vm_backing_alloc(size_t bytes, unsigned long page)
{
	unit_note("memory of %lu by %lu", bytes / SZ_4K, page);
	return fake.memory;
}

struct vm *vm_create(const struct vm_opts *opts)
{
	vm = (struct vm){ .sys_slot = 100, .gpa_bits = fake.gpa_bits };
	unit_note("VM, tables %lu", opts->pt_bytes);
	return &vm;
}

void vm_destroy(struct vm *old)
{
	unit_note("end%s", old == &vm ? "" : " of another");
}

struct vcpu *vcpu_create(struct vm *of, unsigned int id)
{
	static struct vcpu vcpu;

	unit_note("vCPU %u", id);
	vcpu.vm = of;
	return &vcpu;
}

void vcpu_must(struct vcpu *vcpu, const struct guest_op *op, struct guest_result *res)
{
	bool rest = op->start >= VM_RAM_GPA;

	(void)vcpu;
	(void)res;
	unit_note("touch %s%lu %lu%s", rest ? "rest+" : "",
		  (op->start - (rest ? VM_RAM_GPA : REPLAY_FAKE_BASE)) / SZ_4K, op->bytes / SZ_4K,
		  op->op == GUEST_OP_READ ? "" : " not by reading");
}

void guest_pt_map(struct guest_pt *pt, uint64_t gva, uint64_t gpa, uint64_t bytes,
		  unsigned long page)
{
	(void)pt;
	(void)page;
	unit_note("map 0x%lx %lu%s", gva, bytes / SZ_4K, gva == gpa ? "" : " elsewhere");
}

int vm_try_slot(struct vm *of, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t bytes,
		void *hva)
{
	(void)of;
	unit_note("slot %u:%u flags %u at %lu pages %lu%s", slot >> 16, slot & 0xffff, flags,
		  (gpa - REPLAY_FAKE_BASE) / SZ_4K, bytes / SZ_4K,
		  hva == fake.memory ? "" : " of nothing");
	return slot == fake.refused ? -EEXIST : 0;
}

void vm_set_slot(struct vm *of, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t bytes,
		 void *hva)
{
	(void)of;
	unit_note("rest slot %u flags %u at 0x%lx pages %lu%s", slot, flags, gpa, bytes / SZ_4K,
		  hva == fake.memory ? "" : " of nothing");
}

uint64_t vm_now_ns(void)
{
	return 5000000000;
}

/* What glibc's does takes time. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until,
		    struct timespec *left)
{
	static int interrupted;

	(void)left;
	unit_note("wait %s %ld.%09ld",
		  clock == CLOCK_MONOTONIC && flags == TIMER_ABSTIME ? "until" : "for",
		  until->tv_sec, until->tv_nsec);
	/* A signal once. */
	return interrupted++ ? 0 : EINTR;
}

struct report *report_new(const char *workload, int argc, char **argv)
{
	unit_note("report of %s, %d words, %s", workload, argc, argv[0]);
	return (struct report *)&fake;
}

void report_number(struct report *r, const char *name, uint64_t value)
{
	(void)r;
	unit_note("%s %lu", name, value);
}

void report_word(struct report *r, const char *name, const char *word)
{
	(void)r;
	unit_note("%s %s", name, word);
}

void report_print(struct report *r, bool json)
{
	(void)r;
	unit_note("print%s", json ? " JSON" : "");
}

void slot_meter_init(struct slot_meter *m, struct vm *of, struct report *r, const char *zap_name,
		     const char *zap_about)
{
	(void)m;
	(void)r;
	unit_note("series %s: %s%s", zap_name, zap_about, of ? " of a VM" : "");
}

void slot_meter_rest(struct slot_meter *m, const struct guest_ram *ram, struct report *r)
{
	(void)m;
	(void)r;
	unit_note("rest %lu", ram->bytes / SZ_4K);
}

void slot_meter_start(struct slot_meter *m, bool keep)
{
	unit_note("round%s%s", keep ? "" : " for nothing", m->vm == &vm ? "" : " of another VM");
}

void slot_begin(struct slot_meter *m, enum slot_step step)
{
	(void)m;
	unit_note("begin %s", step_names[step]);
}

void slot_end(struct slot_meter *m, enum slot_step step)
{
	(void)m;
	unit_note("end %s", step_names[step]);
}

void slot_meter_stop(struct slot_meter *m)
{
	(void)m;
	unit_note("stop");
}
