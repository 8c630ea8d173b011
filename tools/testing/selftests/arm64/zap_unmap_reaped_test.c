// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a VM on arm64 is reaped because its process was killed, as the OOM reaper
 * does it: by an MMU notifier that must not block, over several of KVM's chunks.
 *
 * What breaks without it: the reaper waits for the task whose memory it is there to free.
 * A kernel with CONFIG_DEBUG_ATOMIC_SLEEP reports every lock break; without that option,
 * there is a lock break only if the CPU is busy.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define GIB	(1024UL * 1024 * 1024)
#define CHUNKS	3UL
#define PAGES	40UL		/* that are touched in each */

/* The VM's process: maps, says so, and waits for its end. */
static void victim(int ready)
{
	void *memory = mmap(NULL, CHUNKS * GIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t gpa;
	struct vm vm;

	if (memory == MAP_FAILED)
		_exit(1);
	madvise(memory, CHUNKS * GIB, MADV_NOHUGEPAGE);
	vm_create(&vm);
	vm_slot(&vm, 1, VM_RAM, memory, CHUNKS * GIB);
	for (gpa = VM_RAM; gpa < VM_RAM + CHUNKS * GIB; gpa += GIB)
		vm_run(&vm, guest_write, gpa, gpa + PAGES * PAGE, NULL);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Kill @child and reap its memory before it runs again: it has this CPU, at a lower priority. */
static int reap(pid_t child)
{
	int fd = syscall(SYS_pidfd_open, child, 0), error = 0;

	if (fd < 0)
		return errno;
	kill(child, SIGKILL);
	if (syscall(SYS_process_mrelease, fd, 0))
		error = errno;
	close(fd);
	return error;
}

static void reaped(const char *policy)
{
	struct zap_row before, now;
	int ready[2], error;
	pid_t child;
	char byte;

	if (!ktap_check(!pipe(ready), "pipe: %s", strerror(errno)))
		return;
	child = fork();
	if (!child)
		victim(ready[1]);
	ktap_check(read(ready[0], &byte, 1) == 1, "the VM's process has failed");
	zap_row("unmap", zap_done(policy), &before);
	error = reap(child);
	ktap_check(!error, "process_mrelease: %s", strerror(error));
	zap_row_since("unmap", zap_done(policy), &before, &now);
	ktap_equal("count", now.count, 1);
	ktap_equal("sptes", now.sptes, CHUNKS * PAGES);
	ktap_equal("tables", now.tables, CHUNKS * 2);
	ktap_equal("tlbis", now.tlbis,
		   zap_tlbis(zap_done(policy), now.sptes, now.tables, CHUNKS, CHUNKS));
	ktap_equal("yields", now.yields, 0);
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	ktap_result("%s: memory of a VM whose process was killed", policy);
}

int main(void)
{
	struct sched_param param = { .sched_priority = 1 };
	cpu_set_t cpu;
	int i;

	zap_need();
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	/* The child has the CPU, but not the policy. */
	if (sched_setaffinity(0, sizeof(cpu), &cpu) ||
	    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		ktap_skip_all("no CPU and real-time policy of one's own: %s", strerror(errno));
	ktap_start(ZAP_NR_POLICIES);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		zap_set("unmap", zap_policies[i]);
		reaped(zap_policies[i]);
	}
	zap_set("unmap", "walk");
	return ktap_end();
}
