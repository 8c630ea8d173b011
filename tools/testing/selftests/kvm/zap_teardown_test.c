// SPDX-License-Identifier: GPL-2.0-only
/*
 * Teardown counts once for each VM, whichever way it goes: its descriptors are
 * closed, its process exits, or one process exits while another still holds
 * the descriptors or closes them at that moment. No other VM may run on the
 * host meanwhile.
 *
 * What breaks without it: zap_stats misses VMs that went, or counts some twice.
 * In the last case two tasks may tear the VM down at the same time, of which one
 * must not be counted; whether they meet is chance, and they seldom do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

#define BYTES	SZ_2M
#define RACES	12

static const char *policy;

/* What the processes tell each other. */
static struct shared {
	bool held, release;
	uint64_t leafs;
} *shared;

/* A VM with its memory mapped. */
static struct vm *used_vm(void)
{
	void *mem = vm_backing_alloc(BYTES, VM_4K);
	struct vm *vm = vm_create(NULL);

	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, BYTES, 0);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, BYTES, mem);
	return vm;
}

static void use(struct vm *vm)
{
	vcpu_read(vm->vcpus, VM_RAM_GPA, BYTES);
	shared->leafs = zap_leafs(vm);
}

static bool seen(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

/* Child: make a VM, use it, exit. */
static void exit_with_vm(void)
{
	use(used_vm());
	_exit(0);
}

/*
 * Child: make a VM, let a child of its own hold the descriptors as well, use
 * the VM and exit. With @race the other one exits at the same time.
 */
static void exit_with_held_vm(bool race)
{
	struct vm *vm = used_vm();
	pid_t pid = fork();

	if (!pid) {
		set(&shared->held);
		while (!seen(&shared->release))
			sched_yield();
		_exit(0);
	}
	while (pid > 0 && !seen(&shared->held))
		sched_yield();
	/* Not before: what a process has mapped is unmapped when it forks. */
	use(vm);
	if (race)
		set(&shared->release);
	_exit(pid < 0);
}

static void wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		vm_die("waitpid: %s", strerror(errno));
	ktap_equal("status of a process", status, 0);
}

/* What was counted since @before is one VM, like @like if there is one. */
static void expect(const char *when, const struct zap_row *before, const struct zap_row *like)
{
	struct zap_row row;

	zap_row("teardown", policy, &row);
	zap_diff(&row, before);
	ktap_check(row.count == 1 && row.sptes == shared->leafs && row.tables && row.total_ns,
		   "%s: count %lu (expected 1), sptes %lu (%lu), tables %lu, total_ns %lu", when,
		   row.count, row.sptes, shared->leafs, row.tables, row.total_ns);
	if (like)
		ktap_equal("tables", row.tables, like->tables);
}

/* All the ways in which a VM goes, under the policy. */
static void test_policy(void)
{
	struct zap_row before, closed;
	unsigned int i;
	struct vm *vm;
	pid_t pid;

	zap_site_policy("teardown", policy);
	zap_row("teardown", policy, &before);
	vm = used_vm();
	use(vm);
	vm_destroy(vm);
	expect("closed", &before, NULL);
	zap_row("teardown", policy, &closed);
	zap_diff(&closed, &before);
	ktap_result("%s: the VM is closed", policy);

	zap_row("teardown", policy, &before);
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit_with_vm();
	wait_for(pid);
	expect("after the exit", &before, &closed);
	ktap_result("%s: the VM's process exits", policy);

	memset(shared, 0, sizeof(*shared));
	zap_row("teardown", policy, &before);
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit_with_held_vm(false);
	wait_for(pid);
	expect("after the exit", &before, &closed);
	set(&shared->release);
	wait_for(-1);
	expect("after the other one's exit", &before, &closed);
	ktap_result("%s: the VM's process exits, then another one that holds the VM", policy);

	for (i = 0; i < RACES; i++) {
		memset(shared, 0, sizeof(*shared));
		zap_row("teardown", policy, &before);
		fflush(stdout);
		pid = fork();
		if (!pid)
			exit_with_held_vm(true);
		wait_for(pid);
		wait_for(-1);
		expect("after both", &before, &closed);
	}
	ktap_result("%s: the VM's process exits, and one that holds the VM with it", policy);
}

int main(void)
{
	static const char * const policies[] = { "walk", "fast", "bulk" };
	unsigned int i;

	zap_need_debugfs();
	zap_start(4 * ARRAY_SIZE(policies));
	shared = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* Who holds a VM becomes this process's child when its parent is gone. */
	if (shared == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		vm_die("mmap or prctl: %s", strerror(errno));

	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		policy = policies[i];
		memset(shared, 0, sizeof(*shared));
		test_policy();
	}
	return ktap_end();
}
