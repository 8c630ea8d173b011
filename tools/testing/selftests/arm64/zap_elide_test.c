// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy elide leaves out cache maintenance when the host unmaps memory of a VM on arm64, for
 * pages that die with their mappings and no others. Each way in which a page may live on is
 * tried.
 *
 * What breaks without it: memory that somebody reads with what the guest wrote past the caches
 * missing: a child process, a file, a pipe, a swap device, another VM. Whether it is missing
 * cannot be seen under emulation, which has no caches; what is cleaned can be.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define TABLE	512UL			/* pages of a level 3 table, and of a huge page */
#define PAGES	(2 * TABLE)
#define BYTES	(PAGES * PAGE)
#define FEW	16UL			/* no more than a pipe holds */
#define KSM	"/sys/kernel/mm/ksm/"

static struct vm vm;
static struct zap_row before;

static void begin(void)
{
	vm_drop_batch();
	zap_row("unmap", "elide", &before);
}

/* Since begin(), so many pages lost their mappings, of which @elided were not cleaned. */
static void end(uint64_t cleaned, uint64_t elided)
{
	struct zap_row now;

	zap_row_since("unmap", "elide", &before, &now);
	ktap_equal("pages that were cleaned", now.cmo_pages, cleaned);
	ktap_equal("pages that were not", now.elided, elided);
}

/* A guest that has @memory, all of which it writes to, or reads. */
static void guest_has(char *memory, const char *program)
{
	vm_create(&vm);
	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	vm_run(&vm, program, VM_RAM, VM_RAM + BYTES, NULL);
}

static void ends(uint64_t cleaned, uint64_t elided, const char *what)
{
	end(cleaned, elided);
	vm_destroy(&vm);
	ktap_result("%s: %lu pages are cleaned, %lu are not", what, cleaned, elided);
}

/* munmap() of @memory, of which the guest has written to all. */
static void unmap(char *memory, uint64_t cleaned, const char *what)
{
	guest_has(memory, guest_write);
	begin();
	munmap(memory, BYTES);
	ends(cleaned, PAGES - cleaned, what);
}

/*
 * Small pages, of a mapping that begins where a huge page would, and has no neighbours: else the
 * host, before it cuts it from these, drops 2 MiB of it, in case there is a huge page.
 */
static char *map(int flags, int fd)
{
	char *p = mmap(NULL, 2 * BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t at = ((uintptr_t)p + HUGE_PAGE) & ~(HUGE_PAGE - 1);

	p = mmap((void *)at, BYTES, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (p == MAP_FAILED) {
		perror("# mmap");
		exit(1);
	}
	madvise(p, BYTES, MADV_NOHUGEPAGE);
	return p;
}

static char *small(void)
{
	return map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static char *huge(void)
{
	return vm_alloc_huge(BYTES);
}

static void dies(void)
{
	uint64_t cleaned;
	char *memory;

	unmap(small(), 0, "private memory");

	memory = small();
	guest_has(memory, guest_write);
	begin();
	mmap(memory, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	/* Since 6.12, mmap() unmaps what was there while that still has its VMA. */
	cleaned = zap_kernel_since(6, 12) ? PAGES : 0;
	ends(cleaned, PAGES - cleaned, "private memory that is mapped over");

	memory = small();
	guest_has(memory, guest_write);
	begin();
	mremap(memory, BYTES, BYTES / 2, 0);
	ends(0, PAGES / 2, "private memory that mremap() makes shorter");

	/* A page that nobody has written to is that of all zeroes. */
	memory = small();
	memset(memory, 1, BYTES / 2);
	guest_has(memory, guest_sum);
	begin();
	munmap(memory, BYTES);
	ends(PAGES / 2, PAGES / 2, "private memory, half of it never written to");
}

/* The memory stays, and so do its contents, or its contents go and it stays. */
static void stays(void)
{
	char *memory = small(), *to = small();

	guest_has(memory, guest_write);
	begin();
	mremap(memory, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ends(PAGES, 0, "mremap() to another place");

	guest_has(to, guest_write);
	begin();
	madvise(to, BYTES, MADV_DONTNEED);
	ends(PAGES, 0, "MADV_DONTNEED");

	munmap(to, BYTES);
}

static void of_files(void)
{
	int file = memfd_create("zap_elide_test", MFD_CLOEXEC);
	char *memory;

	if (file < 0 || ftruncate(file, BYTES)) {
		perror("# memfd_create");
		exit(1);
	}
	unmap(map(MAP_SHARED | MAP_ANONYMOUS, -1), PAGES, "shared memory");
	unmap(map(MAP_SHARED, file), PAGES, "a file");

	/* Of a private mapping, what is written to is a copy. */
	memory = map(MAP_PRIVATE, file);
	memset(memory, 1, BYTES / 2);
	guest_has(memory, guest_sum);
	begin();
	munmap(memory, BYTES);
	ends(PAGES / 2, PAGES / 2, "a private mapping of a file, half of it written to");
	close(file);
}

/* A child that has the memory, until it is told that it may exit. */
static pid_t keep(int go[2])
{
	pid_t child;
	char byte;

	if (pipe(go)) {
		perror("# pipe");
		exit(1);
	}
	child = fork();
	if (!child) {
		close(go[1]);
		if (read(go[0], &byte, 1))
			_exit(1);
		_exit(0);
	}
	close(go[0]);
	return child;
}

static void let_go(pid_t child, int go[2])
{
	close(go[1]);
	waitpid(child, NULL, 0);
}

static void forked(char *(*alloc)(void), const char *what)
{
	char *memory = alloc();
	pid_t child;
	int go[2];

	memset(memory, 1, BYTES);
	child = keep(go);
	guest_has(memory, guest_sum);
	begin();
	munmap(memory, BYTES);
	end(PAGES, 0);
	vm_destroy(&vm);
	let_go(child, go);

	/* The child has been there: the pages are only the parent's again. */
	memory = alloc();
	memset(memory, 1, BYTES);
	let_go(keep(go), go);
	guest_has(memory, guest_sum);
	begin();
	munmap(memory, BYTES);
	ends(0, PAGES, what);
}

/* Somebody has a few pages by a reference, as of get_user_pages(): a pipe does. */
static void piped(char *memory, uint64_t cleaned, const char *what)
{
	struct iovec iov = { memory + PAGE, FEW * PAGE };
	int ends_of[2];

	guest_has(memory, guest_write);
	if (pipe(ends_of) || vmsplice(ends_of[1], &iov, 1, 0) != (ssize_t)(FEW * PAGE))
		ktap_check(false, "no pages in a pipe");
	begin();
	munmap(memory, BYTES);
	close(ends_of[0]);
	close(ends_of[1]);
	ends(cleaned, PAGES - cleaned, what);
}

static void huge_pages(void)
{
	char *memory;

	unmap(huge(), 0, "huge pages");
	forked(huge, "huge pages of parent and child, and after the child has gone");
	piped(huge(), TABLE, "a part of a huge page in a pipe");

	/* The host splits the second one, which KVM drops for this, before it unmaps. */
	memory = huge();
	guest_has(memory, guest_write);
	begin();
	munmap(memory, BYTES - TABLE / 2 * PAGE);
	ends(TABLE, TABLE, "a huge page and the half of another");
	munmap(memory + BYTES - TABLE / 2 * PAGE, TABLE / 2 * PAGE);

	/* Guest addresses that do not match: by 4 KiB each. */
	memory = vm_alloc_huge(BYTES + HUGE_PAGE);
	guest_has(memory + PAGE, guest_write);
	begin();
	munmap(memory, BYTES + HUGE_PAGE);
	ends(PAGES, 0, "huge pages that are mapped by small ones");
}

static void hugetlb(void)
{
	static const char what[] = "huge pages of hugetlbfs";
	char *memory;

	zap_write("/proc/sys/vm/nr_hugepages", "2");
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (memory == MAP_FAILED)
		ktap_skip("none are free", what);
	else
		unmap(memory, PAGES, what);
	zap_write("/proc/sys/vm/nr_hugepages", "0");
}

static uint64_t number(const char *path)
{
	char buf[32];

	zap_read(path, buf, sizeof(buf));
	return strtoull(buf, NULL, 10);
}

/*
 * Pages are merged in pairs. Then half of each pair is written to, so that the page of KSM's is
 * mapped once.
 */
static void merged(void)
{
	char *memory = small();
	uint64_t i, ms;

	for (i = 0; i < PAGES; i++)
		memset(memory + i * PAGE, 1 + i / 2 % 255, PAGE - 8 - i / 2 / 255);
	zap_write(KSM "pages_to_scan", "10000");
	zap_write(KSM "sleep_millisecs", "1");
	madvise(memory, BYTES, MADV_MERGEABLE);
	zap_write(KSM "run", "1");
	for (ms = 0; number(KSM "pages_sharing") < PAGES / 2 && ms < 30000; ms++)
		usleep(1000);
	zap_write(KSM "run", "0");
	ktap_equal("pages of KSM", number(KSM "pages_shared"), PAGES / 2);
	for (i = 0; i < PAGES; i += 2)
		memory[i * PAGE] = 0;
	guest_has(memory, guest_sum);
	begin();
	munmap(memory, BYTES);
	ends(PAGES / 2, PAGES / 2, "pages of KSM, and as many that were");
	zap_write(KSM "run", "2");
}

/* A swap device of zram, or NULL. */
static const char *swap(void)
{
	static char device[32];
	char text[64];
	uint64_t n;

	if (system("modprobe -q zram num_devices=0 2> /dev/null") ||
	    access("/sys/class/zram-control/hot_add", F_OK))
		return NULL;
	n = number("/sys/class/zram-control/hot_add");
	snprintf(device, sizeof(device), "/dev/zram%lu", n);
	snprintf(text, sizeof(text), "/sys/block/zram%lu/disksize", n);
	zap_write(text, "64M");
	snprintf(text, sizeof(text), "mkswap %s > /dev/null 2>&1", device);
	return system(text) || swapon(device, 0) ? NULL : device;
}

/*
 * A page that was swapped out is in the swap cache if it comes back while a child has it in
 * the swap, too. It stays there when the child has gone.
 */
static void swapped(void)
{
	static const char what[] = "pages in the swap cache";
	const char *device = swap();
	char *memory;
	uint64_t i, sum = 0;
	pid_t child;
	int go[2];

	if (!device) {
		ktap_skip("no swap to be had", what);
		return;
	}
	memory = small();
	for (i = 0; i < PAGES; i++)
		memset(memory + i * PAGE, i, PAGE);
	madvise(memory, BYTES / 2, MADV_PAGEOUT);
	child = keep(go);
	for (i = 0; i < PAGES; i++)
		sum += memory[i * PAGE];
	ktap_check(sum, "nothing came back");
	let_go(child, go);
	guest_has(memory, guest_sum);
	begin();
	munmap(memory, BYTES);
	ends(PAGES / 2, PAGES / 2, what);
	swapoff(device);
}

/* The word was on the kernel's command line, which nobody can refuse. */
static int at_boot(void)
{
	const char *done = zap_protected() ? "walk" : zap_may_elide() ? "elide" : "bulk";
	char *memory = small(), buf[32];
	struct zap_row now;

	ktap_start(1);
	zap_read(ZAP_PARAMS "unmap_zap", buf, sizeof(buf));
	ktap_check(!strcmp(buf, "elide"), "the parameter is '%s'", buf);
	guest_has(memory, guest_write);
	vm_drop_batch();
	zap_row("unmap", done, &before);
	if (!zap_trace_begin())
		ktap_check(false, "no tracefs");
	munmap(memory, BYTES);
	ktap_equal("lines", zap_trace_lines(zap_may_elide() ? " by=param " : " by=type "), 1);
	zap_trace_end();
	zap_row_since("unmap", done, &before, &now);
	ktap_equal("invalidations", now.count, 1);
	ktap_equal("pages", now.sptes, zap_seen(PAGES));
	ktap_equal("pages that were not cleaned", now.elided, zap_may_elide() ? PAGES : 0);
	vm_destroy(&vm);
	ktap_result("elide on the kernel's command line is %s", done);
	return ktap_end();
}

int main(int argc, char **argv)
{
	cpu_set_t cpu;

	zap_need();
	/* See vm_drop_batch(). */
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	if (argc > 1 && !strcmp(argv[1], "boot"))
		return at_boot();
	if (!zap_may_elide())
		ktap_skip_all("no policy elide: the CPU has FWB, or KVM is in protected mode");
	ktap_start(19);
	zap_set("unmap", "elide");
	dies();
	stays();
	of_files();
	forked(small, "memory of parent and child, and after the child has gone");
	piped(small(), FEW, "pages in a pipe");
	huge_pages();
	hugetlb();
	merged();
	swapped();
	zap_set("unmap", "walk");
	return ktap_end();
}
