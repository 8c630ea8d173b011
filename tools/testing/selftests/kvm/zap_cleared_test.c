// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody who may write KVM's files in debugfs clears remote_tlb_flush_requests while an
 * invalidation runs. The flushes in zap/stats are the difference of that statistic.
 *
 * What breaks without it: zap/stats says 2^64 flushes, and continues from there.
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

/* Enough of it that KVM makes way for another thread while it drops it. */
#define RAM_BYTES	(16 * SZ_1M)
#define ROUNDS		24

/* How often the statistic has to be cleared while the drop runs. */
#define HITS		8

/* Deletions by scoped, one flush each, ahead of the one that is interrupted. */
#define FLUSHES		8

static char path[128];		/* of remote_tlb_flush_requests, of the VM */
static uint64_t cleared_from, cleared_to;	/* when, CLOCK_MONOTONIC */

static void *clear(void *arg)
{
	int ret;

	(void)arg;
	zap_tracing_wait();
	cleared_from = vm_now_ns();
	ret = zap_write_file(path, "0", 1);
	cleared_to = vm_now_ns();
	if (ret)
		vm_die("'0' > %s: %s", path, strerror(-ret));
	return NULL;
}

/*
 * A thread that waits for the drop to begin. On a single CPU it comes first: it waits when
 * this returns, and the drop makes way for it.
 */
static pthread_t clear_later(void)
{
	struct sched_param first = { .sched_priority = 1 };
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &first);
	ret = pthread_create(&thread, &attr, clear, NULL);
	if (ret)
		vm_die("pthread_create: %s", strerror(ret));
	pthread_attr_destroy(&attr);
	return thread;
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

/* Delete the slot by fast, all of it mapped. */
static void delete(struct vm *vm, void *mem)
{
	pthread_t thread;

	vm_set_slot(vm, 0, 0, VM_RAM_GPA, RAM_BYTES, mem);
	vcpu_read(vm->vcpus, VM_RAM_GPA, RAM_BYTES);
	zap_policy("fast");
	thread = clear_later();
	vm_delete_slot(vm, 0);
	pthread_join(thread, NULL);
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
	uint64_t from, to;
	struct zap_row before, after;
	unsigned int i, hits = 0;
	struct vm *vm;
	void *mem;

	zap_need_debugfs();
	zap_need_tracing();
	zap_start(1);
	zap_tracing_start("events/kvm/kvm_zap");
	zap_tracing_put("events/kvmmmu/kvm_mmu_zap_all_fast/enable", "1");
	zap_tracing_put("trace_clock", "mono");
	mem = vm_backing_alloc(RAM_BYTES, VM_4K);
	vm = vm_create(NULL);
	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, RAM_BYTES, 0);
	guest_pt_map(vm->pt, VM_ROM_GPA, VM_ROM_GPA, SZ_2M, 0);
	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/remote_tlb_flush_requests", getpid(),
		 vm->fd);

	/* A busy machine may have it run after the drop. */
	for (i = 0; i < ROUNDS && hits < HITS; i++) {
		flush(vm, mem);
		ktap_check(zap_stat(vm, "remote_tlb_flush_requests") >= FLUSHES,
			   "too few flushes to be cleared");
		zap_row("memslot", "fast", &before);
		zap_tracing_take();
		delete(vm, mem);
		zap_row("memslot", "fast", &after);
		traced(&from, &to);
		if (from < cleared_from && cleared_to < to)
			hits++;
		ktap_check(after.flushes - before.flushes < FLUSHES,
			   "cleared from %ld to %ld us after the start of a zap of %lu us: %ld flushes",
			   (long)(cleared_from - from) / 1000, (long)(cleared_to - from) / 1000,
			   (to - from) / 1000, (long)(after.flushes - before.flushes));
	}
	ktap_check(hits == HITS, "cleared within %u zaps, in %u rounds", hits, i);
	vm_destroy(vm);
	vm_backing_free(mem, RAM_BYTES);
	ktap_result("a statistic that is cleared meanwhile makes flushes too low, never more");
	return ktap_end();
}
