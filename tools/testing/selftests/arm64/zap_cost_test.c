// SPDX-License-Identifier: GPL-2.0-only
/*
 * Not a test by itself. It drops mappings at each site under each policy between marks,
 * and tools/testing/selftests/arm64_cost_test.sh compares what 'lab run --count' counts.
 * It prints the rows of zap/stats. Its argument is the guest's memory in MiB.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

/* A few thousand instructions of the system call are the wait for SRCU: the least counts. */
#define ROMS		15
#define ROM_BYTES	(64UL << 10)
#define ROM_GPA		(VM_RAM - HUGE_PAGE)

static const char *policy;
static struct zap_row before;

static void begin(const char *site)
{
	zap_row(site, policy, &before);
}

static void end(const char *what, const char *site)
{
	struct zap_row now;

	zap_row_since(site, policy, &before, &now);
	printf("%s %s count=%lu sptes=%lu tables=%lu", what, policy, now.count, now.sptes,
	       now.tables);
	printf(" tlbis=%lu cmo_pages=%lu elided=%lu yields=%lu\n", now.tlbis, now.cmo_pages,
	       now.elided, now.yields);
}

/*
 * What waits for SRCU is preempted as soon as it wakes the worker that ends the grace period,
 * in a read-side section of its own: on one CPU the worker then spins, for a million
 * instructions. A task with a real-time policy is not.
 */
static void be_preempted(bool may)
{
	struct sched_param param = { .sched_priority = may ? 0 : 1 };

	if (sched_setscheduler(0, may ? SCHED_OTHER : SCHED_FIFO, &param)) {
		perror("# sched_setscheduler");
		exit(1);
	}
}

/* A mark's number is part of an instruction: the same for both policies, in their order. */
#define BETWEEN_MARKS(n, what, site, action) do {	\
	begin(site);					\
	be_preempted(false);				\
	MARK_BEGIN();					\
	action;						\
	MARK_END(n);					\
	be_preempted(true);				\
	end(what, site);				\
} while (0)

static void touch(struct vm *vm, uint64_t from, uint64_t bytes)
{
	vm_run(vm, guest_write, from, from + bytes, NULL);
}

/* What the host's own share of unmapping is counts as well, which is the larger one. */
static void unmap_costs(struct vm *vm, char *memory, size_t bytes)
{
	char *other;

	vm_slot(vm, 1, VM_RAM, memory, bytes);
	touch(vm, VM_RAM, bytes);
	BETWEEN_MARKS(5, "forget", "unmap", madvise(memory, bytes, MADV_DONTNEED));
	vm_slot(vm, 1, 0, NULL, 0);

	other = vm_alloc(bytes);
	vm_slot(vm, 1, VM_RAM, other, bytes);
	touch(vm, VM_RAM, bytes);
	BETWEEN_MARKS(6, "munmap", "unmap", munmap(other, bytes));
	vm_slot(vm, 1, 0, NULL, 0);
}

/* One mapping, with its tables; and one of the blocks that share a table. */
static void one_costs(struct vm *vm, char *memory, char *blocks)
{
	vm_slot(vm, 1, VM_RAM, memory, HUGE_PAGE);
	touch(vm, VM_RAM, PAGE);
	BETWEEN_MARKS(7, "page", "memslot", vm_slot(vm, 1, 0, NULL, 0));

	vm_slot(vm, 1, VM_RAM, blocks, 2 * HUGE_PAGE);
	touch(vm, VM_RAM, 2 * HUGE_PAGE);
	BETWEEN_MARKS(8, "block", "unmap", munmap(blocks, HUGE_PAGE));
	vm_slot(vm, 1, 0, NULL, 0);
}

/* Close a VM, whose vCPU goes first. */
static void close_costs(struct vm *vm, unsigned int mark, const char *what)
{
	munmap(vm->run, vm->run_bytes);
	close(vm->vcpu);
	if (mark == 4)
		BETWEEN_MARKS(4, what, "teardown", close(vm->fd));
	else
		BETWEEN_MARKS(11, what, "teardown", close(vm->fd));
	close(vm->kvm);
	munmap(vm->code, PAGE);
}

static void costs(char *memory, char *rom, size_t bytes)
{
	struct vm vm;
	int i;

	vm_create(&vm);
	unmap_costs(&vm, memory, bytes);
	one_costs(&vm, memory, vm_alloc_huge(2 * HUGE_PAGE));
	vm_slot(&vm, 1, VM_RAM, memory, bytes);
	touch(&vm, VM_RAM, bytes);

	for (i = 0; i < ROMS; i++) {
		vm_slot(&vm, 2, ROM_GPA, rom, ROM_BYTES);
		touch(&vm, ROM_GPA, ROM_BYTES);
		BETWEEN_MARKS(1, "rom", "memslot", vm_slot(&vm, 2, 0, NULL, 0));
	}
	BETWEEN_MARKS(2, "delete", "memslot", vm_slot(&vm, 1, 0, NULL, 0));

	vm_slot(&vm, 1, VM_RAM, memory, bytes);
	touch(&vm, VM_RAM, bytes);
	BETWEEN_MARKS(3, "reset", "reset", vm_reset(&vm));

	touch(&vm, VM_RAM, bytes);
	close_costs(&vm, 4, "close");

	/* A VM of which nothing but its code was ever mapped. */
	vm_create(&vm);
	close_costs(&vm, 11, "close-empty");
}

/*
 * What the host's own work costs, of memory without a guest, whose pages the process writes to;
 * and munmap() by elide, where it is to be had.
 */
static void elide_costs(size_t bytes)
{
	char *memory = vm_alloc(bytes);
	struct vm vm;

	policy = "walk";
	memset(memory, 1, bytes);
	BETWEEN_MARKS(12, "host-forget", "unmap", madvise(memory, bytes, MADV_DONTNEED));
	memset(memory, 1, bytes);
	BETWEEN_MARKS(9, "host-munmap", "unmap", munmap(memory, bytes));
	if (!zap_may_elide())
		return;

	policy = "elide";
	zap_set("unmap", policy);
	memory = vm_alloc(bytes);
	vm_create(&vm);
	vm_slot(&vm, 1, VM_RAM, memory, bytes);
	touch(&vm, VM_RAM, bytes);
	vm_drop_batch();
	BETWEEN_MARKS(10, "elide", "unmap", munmap(memory, bytes));
	vm_destroy(&vm);
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 0) : 256) << 20;
	char *memory, *rom;
	int i;

	zap_need();
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory = vm_alloc(bytes);
	rom = vm_alloc(ROM_BYTES);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set_all(policy);
		costs(memory, rom, bytes);
	}
	elide_costs(bytes);
	zap_set_all("walk");
	return 0;
}
