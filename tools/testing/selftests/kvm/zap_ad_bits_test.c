// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing that the guest wrote to a file is lost, whichever way KVM drops its mappings:
 * the VM is closed, its process exits, or the memory slot is deleted.
 *
 * What breaks without it: the host takes pages for clean and drops them. Whoever maps the
 * file next, or the same process a moment later, reads zeros where the guest had written.
 *
 * The process that runs the VM has read each page of the file (shared memory) and written
 * none: its page table entries are present, writable and clean. So KVM maps them for the
 * guest without a page fault of the host, and only the SPTE records what the guest
 * writes. Then the pages are reclaimed; those that the guest has not written to prove
 * that they were.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_swap.h"

/* The guest writes to the first half of the file. */
#define WRITTEN		SZ_2M
#define BYTES		(2 * WRITTEN)
#define PAGES		(BYTES / SZ_4K)
#define WORDS		(SZ_4K / sizeof(uint64_t))
#define STAMP		0x6469727479UL

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

enum ending { CLOSED, EXITED, DELETED };

static const char * const endings[] = {
	"the VM is closed", "the VM's process exits", "the slot is deleted",
};

static const struct {
	const char *site, *policy;
	enum ending ending;
} cases[] = {
	{ "teardown", "walk", CLOSED },
	{ "teardown", "walk", EXITED },
	{ "teardown", "fast", CLOSED },
	{ "teardown", "fast", EXITED },
	{ "teardown", "bulk", CLOSED },
	{ "teardown", "bulk", EXITED },
	{ "memslot", "fast", DELETED },
	{ "memslot", "scoped", DELETED },
};

/*
 * KVM also tells reclaim what the guest has used: a hint, which keeps memory that
 * is in use from being taken for idle. Teardown by bulk spares that, see there.
 * Since 6.13, KVM passes this on when it makes an SPTE, and not when it drops one.
 */
#define KPF_REFERENCED	2
#define USED_PAGES	64

static void *map(int fd)
{
	void *mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		vm_die("mmap: %s", strerror(errno));
	return mem;
}

static void read_pages(const void *mem)
{
	const volatile char *page = mem;
	size_t i;

	for (i = 0; i < BYTES; i += SZ_4K)
		(void)page[i];
}

/* Let a guest write each word of its half; by a read first in half of that. */
static struct vm *written_by_guest(void *mem)
{
	struct guest_op op = {
		.op = GUEST_OP_STAMP, .start = VM_RAM_GPA, .bytes = WRITTEN,
		.stride = sizeof(uint64_t), .value = STAMP,
	};
	/* Most of the VM's memory is to be mapped: else bulk leaves rmaps to walk. */
	struct vm_opts opts = { .pt_bytes = SZ_1M };
	struct vm *vm = vm_create(&opts);

	read_pages(mem);
	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, BYTES, 0);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, BYTES, mem);
	vcpu_read(vm->vcpus, VM_RAM_GPA, WRITTEN / 2);
	vcpu_must(vm->vcpus, &op, NULL);
	ktap_check(zap_leafs(vm) >= WRITTEN / SZ_4K, "the guest's memory is not mapped");
	return vm;
}

static void write_and_exit(void *mem)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		written_by_guest(mem);
		_exit(ktap.bad);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		vm_die("fork or waitpid: %s", strerror(errno));
	ktap_equal("status of the VM's process", status, 0);
	/* Reclaim goes by what this process has mapped. */
	read_pages(mem);
}

/* Have the file's pages reclaimed; how many written ones, and others, are gone. */
static void reclaim(void *mem, unsigned int *written, unsigned int *others)
{
	unsigned char in_memory[PAGES];
	unsigned int i;

	if (madvise(mem, BYTES, MADV_PAGEOUT) || mincore(mem, BYTES, in_memory))
		vm_die("madvise or mincore: %s", strerror(errno));
	*written = 0;
	*others = 0;
	for (i = 0; i < PAGES; i++)
		if (!(in_memory[i] & 1))
			++*(i < WRITTEN / SZ_4K ? written : others);
}

static void compare(const uint64_t *mem)
{
	unsigned int lost = 0, i, word;
	uint64_t want;

	for (i = 0; i < PAGES; i++) {
		want = i < WRITTEN / SZ_4K ? guest_stamp(VM_RAM_GPA + i * SZ_4K, STAMP) : 0;
		for (word = 0; word < WORDS; word++, mem++) {
			if (*mem == want || lost++)
				continue;
			ktap_diag("page %u, word %u: 0x%lx, expected 0x%lx", i, word, *mem, want);
		}
	}
	ktap_equal("words that are not what was written", lost, 0);
}

/* NULL, or why the case could not be tested. */
static const char *run(const char *site, const char *policy, enum ending ending, bool swap)
{
	int fd = memfd_create("zap_ad_bits_test", MFD_CLOEXEC);
	unsigned int written, others;
	struct vm *vm = NULL;
	void *mem;

	if (fd < 0 || ftruncate(fd, BYTES))
		vm_die("memfd_create or ftruncate: %s", strerror(errno));
	mem = map(fd);
	zap_site_policy(site, policy);
	if (ending == EXITED)
		write_and_exit(mem);
	else
		vm = written_by_guest(mem);
	if (ending == CLOSED) {
		vm_destroy(vm);
		vm = NULL;
	} else if (ending == DELETED) {
		vm_delete_slot(vm, 0);
	}

	reclaim(mem, &written, &others);
	munmap(mem, BYTES);
	mem = map(fd);
	compare(mem);
	munmap(mem, BYTES);
	close(fd);
	if (vm)
		vm_destroy(vm);
	ktap_diag("reclaimed: %u pages written, %u others", written, others);
	if (!others)
		return "reclaim takes no page here";
	return swap && !written ? "reclaim swaps no page out here" : NULL;
}

/* How many of @pages from @mem on have PG_referenced set; -1: nobody says. */
static int referenced(const char *mem, unsigned int pages)
{
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t entry, flag;
	unsigned int i;
	int n = 0;

	for (i = 0; i < pages && n >= 0; i++) {
		if (pread(map, &entry, 8, ((uintptr_t)mem / SZ_4K + i) * 8) != 8 ||
		    !(entry & ~(~0UL << 55)) ||
		    pread(flags, &flag, 8, (entry & ~(~0UL << 55)) * 8) != 8)
			n = -1;
		else
			n += flag >> KPF_REFERENCED & 1;
	}
	close(map);
	close(flags);
	return n;
}

/* The guest reads the first half of a slot; the host forgets; the slot goes. */
static void test_accessed(const char *policy)
{
	size_t bytes = 2 * USED_PAGES * SZ_4K;
	char *mem = vm_backing_alloc(bytes, VM_4K);
	struct vm *vm = vm_create(NULL);
	int before, used, others;

	zap_policy(policy);
	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, SZ_2M, 0);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, bytes, mem);
	vcpu_read(vm->vcpus, VM_RAM_GPA, USED_PAGES * SZ_4K);
	/* Of all pages, not of KVM's SPTEs. */
	if (zap_write_file("/proc/self/clear_refs", "1", 1))
		vm_die("/proc/self/clear_refs cannot be written");
	before = referenced(mem, 2 * USED_PAGES);
	vm_delete_slot(vm, 0);
	used = referenced(mem, USED_PAGES);
	others = referenced(mem + USED_PAGES * SZ_4K, USED_PAGES);
	vm_destroy(vm);
	vm_backing_free(mem, bytes);
	if (before) {
		ktap_skip(before < 0 ? "no /proc/kpageflags" : "pages are in use all the time",
			  "memslot %s, the slot is deleted: what was used", policy);
		return;
	}
	ktap_equal("pages used that reclaim is told of", used,
		   zap_kernel_since(6, 13) ? 0 : USED_PAGES);
	ktap_equal("pages not used that reclaim is told of", others, 0);
	ktap_result("memslot %s, the slot is deleted: what was used", policy);
}

int main(void)
{
	const char *why_not = NULL, *why;
	unsigned int i, swap;
	char name[128];

	zap_start(2 * ARRAY_SIZE(cases) + 2);
	test_accessed("fast");
	test_accessed("scoped");
	for (swap = 0; swap < 2; swap++) {
		if (swap)
			why_not = zap_swap_begin();
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			snprintf(name, sizeof(name), "%s %s, %s%s", cases[i].site,
				 cases[i].policy, endings[cases[i].ending],
				 swap ? ": swapped out" : "");
			why = why_not;
			if (!why)
				why = run(cases[i].site, cases[i].policy, cases[i].ending, swap);
			if (why && !ktap.bad)
				ktap_skip(why, "%s", name);
			else
				ktap_result("%s", name);
		}
	}
	zap_swap_end();
	return ktap_end();
}
