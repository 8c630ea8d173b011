// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU on arm64 reads a memslot's memory while that goes: as soon as it is gone, by each
 * policy, no CPU may reach the memory any more. The vCPU stays in the guest meanwhile, so
 * that only a TLB invalidation takes the memory from it.
 *
 * What breaks without it: a TLB that is not invalidated, or too early, leaves a guest with
 * memory that belongs to somebody else by then. Needs two CPUs. Emulation without VHE
 * forgets TLBs whenever any vCPU exits, so that only with it (max) it is seen.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define PAGES	64UL
#define BYTES	(PAGES * PAGE)
#define ROUNDS	60

static const char *policy;
static struct vm vm;
static sem_t go, done;
static uint64_t left_at;

static void fill(char *memory, uint64_t value)
{
	uint64_t i;

	for (i = 0; i < PAGES; i++)
		memcpy(memory + i * PAGE, &value, sizeof(value));
}

static void *run(void *arg)
{
	(void)arg;
	for (;;) {
		sem_wait(&go);
		vm_run(&vm, guest_watch, VM_RAM, VM_RAM + BYTES, &left_at);
		sem_post(&done);
	}
	return NULL;
}

static void rounds_of(char *memory)
{
	unsigned int i, stale = 0, early = 0;

	for (i = 0; i < ROUNDS; i++) {
		fill(memory, 2);
		vm_slot(&vm, 1, VM_RAM, memory, BYTES);
		sem_post(&go);
		usleep(5000 + i * 100);
		early += !sem_trywait(&done);
		vm_slot(&vm, 1, VM_RAM, NULL, 0);
		fill(memory, 1);
		sem_wait(&done);
		stale += left_at == VM_EXIT;
	}
	ktap_equal("rounds that ended early", early, 0);
	ktap_equal("rounds in which the guest read what is no longer its", stale, 0);
	ktap_result("%s: memory that goes is out of a running vCPU's reach", policy);
}

int main(void)
{
	pthread_t thread;
	char *memory;
	int i;

	zap_need();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ktap_skip_all("one CPU: the vCPU would not run meanwhile");
	memory = vm_alloc(BYTES);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	ktap_start(ZAP_NR_POLICIES);
	vm_create(&vm);
	pthread_create(&thread, NULL, run, NULL);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set_all(policy);
		rounds_of(memory);
	}
	zap_set_all("walk");
	return ktap_end();
}
