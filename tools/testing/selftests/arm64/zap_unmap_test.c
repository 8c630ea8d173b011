// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host unmaps memory of a VM on arm64 in every way that exists, under each policy,
 * while two vCPUs write to all of it without a pause. Afterwards their writes must arrive
 * in the memory that is there now, and none in the memory that was there before. The test
 * can still look at the latter: in a file, in another place, or in a child process.
 *
 * What breaks without it: a mapping or a TLB entry is left behind, and the guest writes
 * to memory that is somebody else's; or running vCPUs make the counts wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define PAGES	1024UL
#define BYTES	(PAGES * PAGE)
#define VCPUS	2
#define ROUNDS	3
#define PATIENCE_MS	10000

/* What guest_keep has at VM_CONTROL. */
struct control {
	atomic_ulong epoch;
	uint64_t unused[8];
	atomic_ulong turns[VCPUS];
};

static const char *policy;
static struct vm vm[VCPUS];
static pthread_t threads[VCPUS];
static struct control *control;
static atomic_uint faults[VCPUS];
static struct zap_row before;
static bool traced;

/* Where the guest's memory is, and where else it can be seen, if it is a file's. */
static char *memory, *view;
static int file;

/* A word for each vCPU, behind the host's own. */
static uint64_t word(const char *from, uint64_t page, unsigned int n)
{
	uint64_t value;

	memcpy(&value, from + page * PAGE + 8 * n, sizeof(value));
	return value;
}

/*
 * Where memory is missing, KVM_RUN ends with EFAULT: again, until it is there. Each vCPU has
 * a CPU of its own: where another one of the VM's ran before, KVM forgets the TLBs. One goes
 * upwards and the other downwards, so that both halves are written to when either is gone.
 */
static void *keep(void *arg)
{
	unsigned int n = (uintptr_t)arg;
	uint64_t first = VM_RAM + 8 * (n + 1), last = first + BYTES - PAGE;
	cpu_set_t cpu;
	int error;

	CPU_ZERO(&cpu);
	CPU_SET(n, &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	vm_begin(&vm[n], guest_keep, n % 2 ? last : first, n % 2 ? first : last);
	while ((error = vm_go(&vm[n]))) {
		if (error != EFAULT) {
			printf("# KVM_RUN: %s\n", strerror(error));
			exit(1);
		}
		if (!control->epoch)
			return NULL;
		atomic_fetch_add(&faults[n], 1);
		usleep(1000);
	}
	vm_result(&vm[n], NULL);
	return NULL;
}

static void start(void)
{
	uintptr_t n;

	vm_create(&vm[0]);
	vm_more(&vm[0], &vm[1], 1);
	memset(control, 0, sizeof(*control));
	control->epoch = 1;
	vm_slot(&vm[0], 2, VM_CONTROL, control, PAGE);
	vm_slot(&vm[0], 1, VM_RAM, memory, BYTES);
	for (n = 0; n < VCPUS; n++)
		pthread_create(&threads[n], NULL, keep, (void *)n);
}

static void stop(void)
{
	int n;

	control->epoch = 0;
	for (n = 0; n < VCPUS; n++)
		pthread_join(threads[n], NULL);
	vm_less(&vm[1]);
	vm_destroy(&vm[0]);
}

/* Until each vCPU has written to all pages, from the first to the last, since now. */
static void go_round(void)
{
	uint64_t turns[VCPUS];
	int n, ms = 0;

	for (n = 0; n < VCPUS; n++)
		turns[n] = control->turns[n];
	for (n = 0; n < VCPUS; n++) {
		while (control->turns[n] < turns[n] + 2 && ms++ < PATIENCE_MS)
			usleep(1000);
	}
	ktap_check(ms < PATIENCE_MS, "a vCPU does not go on");
}

/* Until no vCPU can go on. */
static void stand_still(void)
{
	unsigned int had[VCPUS];
	int n, ms = 0;

	for (n = 0; n < VCPUS; n++)
		had[n] = atomic_load(&faults[n]);
	for (n = 0; n < VCPUS; n++) {
		while (atomic_load(&faults[n]) < had[n] + 2 && ms++ < PATIENCE_MS)
			usleep(1000);
	}
	ktap_check(ms < PATIENCE_MS, "a vCPU goes on");
}

/* The vCPUs' writes arrive at @from, in all pages. */
static void written(const char *from)
{
	uint64_t i, bad = 0;
	unsigned int n;

	control->epoch++;
	go_round();
	go_round();
	for (i = 0; i < PAGES; i++)
		for (n = 1; n <= VCPUS; n++)
			bad += word(from, i, n) != control->epoch;
	ktap_equal("words that the guest wrote elsewhere", bad, 0);
}

/* Words at @from that a vCPU has written since the epoch was @epoch. */
static uint64_t since(const char *from, uint64_t epoch)
{
	uint64_t i, sum = 0;
	unsigned int n;

	for (i = 0; i < PAGES; i++)
		for (n = 1; n <= VCPUS; n++)
			sum += word(from, i, n) > epoch;
	return sum;
}

/*
 * @from has just gone from the guest. A new epoch at once: a vCPU that still has it in its TLBs
 * has it until it leaves the guest, which it may do soon.
 */
static void untouched(const char *from)
{
	uint64_t epoch = control->epoch++;

	stand_still();
	ktap_equal("words that the guest wrote where it cannot any more", since(from, epoch), 0);
}

static void begin(void)
{
	zap_row("unmap", zap_done(policy), &before);
	traced = zap_trace_begin();
}

/*
 * One invalidation that took all, and @empty ones; other small ones are not counted. All
 * pages were mapped: the vCPUs have been round since the last one, and mmu_lock was not
 * released meanwhile.
 */
static void end(const char *reason, unsigned int empty)
{
	char words[32];
	struct zap_row now;

	zap_row_since("unmap", zap_done(policy), &before, &now);
	ktap_equal("count", now.count, 1 + empty);
	ktap_equal("sptes", now.sptes, zap_seen(PAGES));
	ktap_equal("tables", now.tables, zap_seen(3));
	ktap_equal("tlbis", now.tlbis,
		   zap_seen(zap_tlbis(zap_done(policy), PAGES, 3, 1 + empty, 1)));
	/* Nothing here dies with its mapping. */
	ktap_equal("cmo_pages", now.cmo_pages, zap_seen(zap_cmo() ? PAGES : 0));
	ktap_equal("elided", now.elided, 0);
	ktap_equal("yields", now.yields, 0);
	if (!traced)
		return;
	snprintf(words, sizeof(words), " reason=%s", reason);
	ktap_equal(words, zap_trace_lines(words), 1 + empty);
	ktap_equal("lines of site unmap", zap_trace_lines("site=unmap "), 1 + empty);
	zap_trace_end();
}

static char *map_file(void *at)
{
	return mmap(at, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0), file, 0);
}

static void unmapped(void)
{
	begin();
	munmap(memory, BYTES);
	untouched(view);
	end("unmap", 0);
	map_file(memory);
	written(view);
}

static void punched(void)
{
	uint64_t i, mark = 1, bad = 0;

	for (i = 0; i < PAGES; i++)
		memcpy(view + i * PAGE, &mark, sizeof(mark));
	begin();
	madvise(memory, BYTES, MADV_REMOVE);
	end("clear", 0);
	written(view);
	for (i = 0; i < PAGES; i++)
		bad += word(view, i, 0) != 0;
	ktap_equal("pages that are still there", bad, 0);
}

static void forgotten(void)
{
	begin();
	madvise(memory, BYTES, MADV_DONTNEED);
	end("clear", 0);
	written(memory);
}

static void moved(void)
{
	char *to = vm_alloc(BYTES);

	begin();
	mremap(memory, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	untouched(to);
	/* What is left there, which is nothing, is unmapped after the move. */
	end("unmap", 1);
	mremap(to, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, memory);
	written(memory);
}

/* The child has the memory as it was; the parent's guest goes on with copies. */
static void forked(void)
{
	uint64_t epoch = control->epoch;
	int go[2], status = 0;
	char byte = 0;
	pid_t child;

	if (pipe(go))
		ktap_check(false, "pipe: %s", strerror(errno));
	begin();
	child = fork();
	if (!child) {
		if (read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(since(memory, epoch) > 0);
	}
	control->epoch++;
	end("protection_page", 0);
	written(memory);
	if (write(go[1], &byte, 1) != 1)
		ktap_check(false, "write: %s", strerror(errno));
	waitpid(child, &status, 0);
	ktap_equal("the child's status: 256 if the guest wrote to its memory", status, 0);
	close(go[0]);
	close(go[1]);
}

static void rounds(void (*way)(void), const char *what)
{
	int i;

	start();
	for (i = 0; i < ROUNDS; i++) {
		control->epoch++;
		go_round();
		go_round();
		way();
	}
	stop();
	ktap_result("%s: %s", policy, what);
}

int main(void)
{
	char *private, *shared;
	int i;

	zap_need();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ktap_skip_all("one CPU: the vCPUs would not run meanwhile");
	file = memfd_create("zap_unmap_test", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, BYTES))
		ktap_skip_all("memfd_create: %s", strerror(errno));
	shared = map_file(NULL);
	view = map_file(NULL);
	control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	private = vm_alloc(BYTES);
	ktap_start(5 * ZAP_NR_UNMAP_POLICIES);
	for (i = 0; i < ZAP_NR_UNMAP_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set("unmap", policy);
		memory = shared;
		rounds(unmapped, "munmap()");
		rounds(punched, "a hole in a file");
		memory = private;
		rounds(forgotten, "MADV_DONTNEED");
		rounds(moved, "mremap()");
		rounds(forked, "fork()");
	}
	zap_set("unmap", "walk");
	return ktap_end();
}
