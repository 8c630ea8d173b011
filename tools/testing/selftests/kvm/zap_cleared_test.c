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
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

/* Enough of it that the drop takes most of a deletion's time. */
#define RAM_BYTES	(16 * SZ_1M)
#define ROUNDS		40

/* Deletions by scoped, one flush each, ahead of the one that is interrupted. */
#define FLUSHES		8

static char path[128];		/* of remote_tlb_flush_requests, of the VM */
static unsigned int delay_us;	/* from the start of a deletion */

static void *clear(void *arg)
{
	struct sched_param first = { .sched_priority = 1 };
	int ret;

	(void)arg;
	/* On a single CPU: when it wakes up the zap makes way at once. */
	ret = pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
	if (ret)
		vm_die("pthread_setschedparam: %s", strerror(ret));
	usleep(delay_us);
	ret = zap_write_file(path, "0", 1);
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

/* Delete the slot by fast, all of it mapped; how long that took. */
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
	start = vm_now_ns() - start;
	if (cleared)
		pthread_join(thread, NULL);
	return start;
}

int main(void)
{
	struct zap_row before, after;
	unsigned int i;
	struct vm *vm;
	uint64_t ns;
	void *mem;

	zap_need_debugfs();
	zap_start(1);
	mem = vm_backing_alloc(RAM_BYTES, VM_4K);
	vm = vm_create(NULL);
	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, RAM_BYTES, 0);
	guest_pt_map(vm->pt, VM_ROM_GPA, VM_ROM_GPA, SZ_2M, 0);
	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/remote_tlb_flush_requests", getpid(),
		 vm->fd);

	ns = delete(vm, mem, false);
	for (i = 0; i < ROUNDS; i++) {
		flush(vm, mem);
		ktap_check(zap_stat(vm, "remote_tlb_flush_requests") >= FLUSHES,
			   "too few flushes to be cleared");
		delay_us = ns / 1000 * i / ROUNDS;
		zap_row("memslot", "fast", &before);
		delete(vm, mem, true);
		zap_row("memslot", "fast", &after);
		ktap_check(after.flushes - before.flushes < FLUSHES,
			   "cleared after %u us of %lu: %ld flushes", delay_us, ns / 1000,
			   (long)(after.flushes - before.flushes));
	}
	vm_destroy(vm);
	vm_backing_free(mem, RAM_BYTES);
	ktap_result("a statistic that is cleared meanwhile makes flushes too low, never more");
	return ktap_end();
}
