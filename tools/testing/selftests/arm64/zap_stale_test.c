// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU on arm64 reads a memslot's memory while the memslot is deleted, or while the
 * host unmaps that memory. When either call returns, no CPU may reach the memory any
 * more, under any policy. The vCPU stays in the guest meanwhile, so only a TLB
 * invalidation can take the memory from it.
 *
 * What breaks without it: the TLB is not invalidated, or too early, and the guest keeps
 * memory that belongs to somebody else by then. Needs two CPUs. Without VHE, the emulator
 * forgets TLB entries whenever a vCPU exits, so only the CPU with VHE (max) shows the
 * fault.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define PAGES	64UL		/* that are read, unless it is one */
#define BYTES	HUGE_PAGE	/* of the memslot, which has a table of its own */
#define ROUNDS	60

static const char *policy;
static struct vm vm;
static sem_t go, done;
static uint64_t left_at, pages;

/* A file, where the guest has it, and where only the host does; and huge pages. */
static char *memory, *view, *huge;
static int file;

static void fill(uint64_t value)
{
	uint64_t i;

	for (i = 0; i < PAGES; i++) {
		memcpy(view + i * PAGE, &value, sizeof(value));
		memcpy(huge + i * PAGE, &value, sizeof(value));
	}
}

static void *run(void *arg)
{
	(void)arg;
	for (;;) {
		sem_wait(&go);
		vm_begin(&vm, guest_watch, VM_RAM, VM_RAM + pages * PAGE);
		left_at = 0;
		/* EFAULT: the memslot has no memory. */
		if (vm_go(&vm) != EFAULT)
			vm_result(&vm, &left_at);
		sem_post(&done);
	}
	return NULL;
}

static char *map_file(void *at)
{
	return mmap(at, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0), file, 0);
}

static void give_slot(void)
{
	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
}

static void take_slot(void)
{
	vm_slot(&vm, 1, VM_RAM, NULL, 0);
}

static void give_page(void)
{
	vm_slot(&vm, 1, VM_RAM, memory, PAGE);
}

static void give_huge(void)
{
	vm_slot(&vm, 1, VM_RAM, huge, HUGE_PAGE);
}

static void give_memory(void)
{
	map_file(memory);
}

static void take_memory(void)
{
	munmap(memory, BYTES);
}

static void repeat(const char *what, uint64_t n, void (*give)(void), void (*take)(void))
{
	unsigned int i, stale = 0, early = 0;

	pages = n;
	for (i = 0; i < ROUNDS; i++) {
		fill(2);
		give();
		sem_post(&go);
		usleep(5000 + i * 100);
		early += !sem_trywait(&done);
		take();
		fill(1);
		sem_wait(&done);
		stale += left_at == VM_EXIT;
	}
	ktap_equal("rounds that ended early", early, 0);
	ktap_equal("rounds in which the guest read what is no longer its", stale, 0);
	ktap_result("%s: %s is out of a running vCPU's reach", policy, what);
}

/*
 * One mapping goes, of which alone the TLBs are invalidated: with its table, without, because
 * there is a neighbour, and a block.
 */
static void repeat_one(void)
{
	char *neighbour = vm_alloc(PAGE);

	repeat("a memslot of one page", 1, give_page, take_slot);
	vm_slot(&vm, 2, VM_RAM + PAGE, neighbour, PAGE);
	vm_run(&vm, guest_write, VM_RAM + PAGE, VM_RAM + 2 * PAGE, NULL);
	repeat("a memslot of one page beside another", 1, give_page, take_slot);
	vm_slot(&vm, 2, 0, NULL, 0);
	repeat("a memslot of one huge page", PAGES, give_huge, take_slot);
	munmap(neighbour, PAGE);
}

int main(void)
{
	pthread_t thread;
	int i;

	zap_need();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ktap_skip_all("one CPU: the vCPU would not run meanwhile");
	file = memfd_create("zap_stale_test", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, BYTES))
		ktap_skip_all("memfd_create: %s", strerror(errno));
	memory = map_file(NULL);
	view = map_file(NULL);
	huge = vm_alloc_huge(HUGE_PAGE);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	ktap_start(6 * ZAP_NR_POLICIES);
	vm_create(&vm);
	pthread_create(&thread, NULL, run, NULL);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set_all(policy);
		repeat("a memslot that goes", PAGES, give_slot, take_slot);
		repeat_one();
		give_slot();
		repeat("memory that the host unmaps", PAGES, give_memory, take_memory);
		repeat("one page that the host unmaps", 1, give_memory, take_memory);
		give_memory();
		take_slot();
	}
	zap_set_all("walk");
	return ktap_end();
}
