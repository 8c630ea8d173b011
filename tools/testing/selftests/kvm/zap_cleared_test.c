// SPDX-License-Identifier: GPL-2.0-only
/*
 * The statistic that flushes of zap/stats are the difference of is cleared while an
 * invalidation runs, as anybody who may write KVM's files in debugfs can do.
 *
 * What breaks without it: zap/stats says 2^64 flushes, and goes on from there.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_tracing.h"

/* Enough of it that the drop takes most of a deletion's time. */
#define RAM_BYTES	(16 * SZ_1M)
#define ROUNDS		400

/* How often the statistic has to be cleared while the drop runs. */
#define HITS		8

/* Deletions by scoped, one flush each, ahead of the one that is interrupted. */
#define FLUSHES		8

static char path[128];		/* of remote_tlb_flush_requests, of the VM */
static uint64_t delay_ns;	/* from the start of a deletion */
static uint64_t cleared_from, cleared_to;	/* when, CLOCK_MONOTONIC */

static void *clear(void *arg)
{
	struct sched_param first = { .sched_priority = 1 };
	int ret;

	(void)arg;
	/* On a single CPU: when it wakes up the zap makes way at once. */
	ret = pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
	if (ret)
		vm_die("pthread_setschedparam: %s", strerror(ret));
	usleep(delay_ns / 1000);
	cleared_from = vm_now_ns();
	ret = zap_write_file(path, "0", 1);
	cleared_to = vm_now_ns();
	if (ret)
		vm_die("'0' > %s: %s", path, strerror(-ret));
	return NULL;
}

/* Something to be subtracted from what the statistic says in the end. */
static void flush(struct vm *vm, void *mem)
{
	unsigned int i;

	zap_policy("scoped");
	for (i = 0; i < FLUSHES; i++) {
		vm_set_slot(vm, 1, 0, VM_ROM_GPA, SZ_64K, mem);
		vcpu_read(vm->vcpus, VM_ROM_GPA, SZ_64K);
		vm_delete_slot(vm, 1);
	}
}

/* Delete the slot by fast, all of it mapped; when that began, CLOCK_MONOTONIC. */
static uint64_t delete(struct vm *vm, void *mem, bool cleared)
{
	pthread_t thread;
	uint64_t start;

	vm_set_slot(vm, 0, 0, VM_RAM_GPA, RAM_BYTES, mem);
	vcpu_read(vm->vcpus, VM_RAM_GPA, RAM_BYTES);
	zap_policy("fast");
	if (cleared && pthread_create(&thread, NULL, clear, NULL))
		vm_die("pthread_create");
	start = vm_now_ns();
	vm_delete_slot(vm, 0);
	if (cleared)
		pthread_join(thread, NULL);
	return start;
}

/* When the zap of the only deletion since the last trace ran, CLOCK_MONOTONIC. */
static void traced(uint64_t *from, uint64_t *to)
{
	char *trace = zap_tracing_take();
	char *event = strstr(trace, ": kvm_zap: "), *ns;
	unsigned long s, us;

	ns = event ? strstr(event, " ns=") : NULL;
	while (event && event > trace && event[-1] != ' ')
		event--;
	if (!ns || sscanf(event, "%lu.%6lu:", &s, &us) != 2)
		vm_die("no event of a deletion: '%s'", trace);
	*to = s * 1000000000ULL + us * 1000;
	*from = *to - strtoull(ns + strlen(" ns="), NULL, 10);
}

int main(void)
{
	uint64_t start, from, to;
	struct zap_row before, after;
	unsigned int i, hits = 0;
	struct vm *vm;
	void *mem;

	zap_need_debugfs();
	zap_need_tracing();
	zap_start(1);
	zap_tracing_start("events/kvm/kvm_zap");
	zap_tracing_put("trace_clock", "mono");
	mem = vm_backing_alloc(RAM_BYTES, VM_4K);
	vm = vm_create(NULL);
	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, RAM_BYTES, 0);
	guest_pt_map(vm->pt, VM_ROM_GPA, VM_ROM_GPA, SZ_2M, 0);
	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/remote_tlb_flush_requests", getpid(),
		 vm->fd);

	/* The first one shows when a zap runs. A busy machine has it run at other times. */
	for (i = 0; i < ROUNDS && hits < HITS; i++) {
		flush(vm, mem);
		ktap_check(zap_stat(vm, "remote_tlb_flush_requests") >= FLUSHES,
			   "too few flushes to be cleared");
		zap_row("memslot", "fast", &before);
		zap_tracing_take();
		start = delete(vm, mem, i > 0);
		zap_row("memslot", "fast", &after);
		traced(&from, &to);
		if (i > 0 && from < cleared_from && cleared_to < to)
			hits++;
		ktap_check(after.flushes - before.flushes < FLUSHES,
			   "cleared after %lu us, zapped after %lu to %lu us: %ld flushes",
			   (cleared_from - start) / 1000, (from - start) / 1000,
			   (to - start) / 1000, (long)(after.flushes - before.flushes));
		delay_ns = from - start + (to - from) * (i % HITS) / HITS;
	}
	ktap_check(hits == HITS, "cleared within %u zaps, in %u rounds", hits, i);
	vm_destroy(vm);
	vm_backing_free(mem, RAM_BYTES);
	ktap_result("a statistic that is cleared meanwhile makes flushes too low, never more");
	return ktap_end();
}
