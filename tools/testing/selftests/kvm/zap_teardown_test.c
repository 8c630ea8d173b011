// SPDX-License-Identifier: GPL-2.0-only
/*
 * Teardown counts once for each VM, whichever way it goes: its descriptors are closed,
 * its process exits, or one process exits while another still holds the descriptors or
 * closes them at that moment. No other VM may run on the host meanwhile.
 *
 * What breaks without it: zap/stats misses VMs that went, or counts some twice. In the
 * last case two tasks may tear the VM down at the same time, and only one of them may be
 * counted; whether they meet is left to chance, and they seldom do. A VM that goes while
 * slots_lock is taken must not wait for it; these two meet within some tries.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

#define BYTES	SZ_2M
#define RACES	12

/* Written, it has KVM empty each VM with slots_lock taken; which takes this a while. */
#define LOCKING_PARAM	"nx_huge_pages"
#define LARGE_BYTES	(16 * SZ_2M)
#define FALL_BACKS	2
#define TRIES		36

static const char *policy;

/* What the processes tell each other. */
static struct shared {
	bool held, release;
	uint64_t leafs;
	uint64_t left;	/* leaf SPTEs, by the VM's statistics, once its process is gone */
} *shared;

static struct vm *make_vm(size_t bytes, unsigned long page)
{
	void *mem = vm_backing_alloc(bytes, page);
	struct vm *vm = vm_create(NULL);

	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, bytes, 0);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, bytes, mem);
	return vm;
}

/* Have its memory mapped. */
static void use(struct vm *vm, size_t bytes)
{
	vcpu_read(vm->vcpus, VM_RAM_GPA, bytes);
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
	use(make_vm(BYTES, VM_4K), BYTES);
	_exit(0);
}

/*
 * Child: make a VM, let a child of its own hold the descriptors as well, use
 * the VM and exit. With @race the other one exits at the same time.
 */
static void exit_with_held_vm(bool race)
{
	struct vm *vm = make_vm(BYTES, VM_4K);
	pid_t pid;

	/* Has the statistics' descriptor opened: only the VM's own process can. */
	zap_leafs(vm);
	pid = fork();

	if (!pid) {
		set(&shared->held);
		while (!seen(&shared->release))
			sched_yield();
		if (!race)
			shared->left = zap_leafs(vm);
		_exit(0);
	}
	while (pid > 0 && !seen(&shared->held))
		sched_yield();
	/* Not before: what a process has mapped is unmapped when it forks. */
	use(vm, BYTES);
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
	vm = make_vm(BYTES, VM_4K);
	use(vm, BYTES);
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
	shared->left = ~0UL;
	set(&shared->release);
	wait_for(-1);
	expect("after the other one's exit", &before, &closed);
	ktap_equal("leaf SPTEs that the other one sees", shared->left, 0);
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

/* A VM of 2M pages: other code of bulk's than that for page tables. */
static void test_huge(void)
{
	struct vm *vm = make_vm(2 * SZ_2M, VM_2M);
	struct zap_row before;
	bool huge;

	use(vm, 2 * SZ_2M);
	huge = zap_stat(vm, "pages_2m") == 2;
	zap_row("teardown", policy, &before);
	vm_destroy(vm);
	expect("closed", &before, NULL);
	if (huge)
		ktap_result("%s: a VM of 2M pages is closed", policy);
	else
		ktap_skip("the host gives no huge pages", "%s: a VM of 2M pages is closed", policy);
}

static void wait_until(const bool *flag)
{
	while (!seen(flag))
		usleep(100);
}

/* Child: have KVM empty every VM, with their slots_lock taken. */
static void take_slots_lock(const char *word)
{
	if (setpriority(PRIO_PROCESS, 0, 19))
		_exit(1);
	wait_until(&shared->held);
	_exit(!!kvm_param_set(ZAP_MODULE, LOCKING_PARAM, word));
}

/* Child: make a VM, let the other one begin, and exit in the midst of that. */
static void exit_amidst(unsigned int try)
{
	struct vm *vm = make_vm(LARGE_BYTES, VM_4K);
	unsigned int us = 500, i;

	use(vm, LARGE_BYTES);
	if (setpriority(PRIO_PROCESS, 0, -20))
		_exit(1);
	set(&shared->held);
	/*
	 * What the other one is at when this wakes up is chance: how long it takes
	 * depends on the host, from milliseconds to a hundred under KASAN.
	 */
	for (i = 0; i < try % 12; i++)
		us += us / 2;
	usleep(us);
	_exit(0);
}

/*
 * A VM goes while slots_lock is taken: fast cannot be had without waiting, so
 * it is walk, and counted as that.
 */
static void test_fall_back(void)
{
	struct zap_row walk, fast, walk_before, fast_before;
	unsigned int try, n = 0;

	zap_site_policy("teardown", "fast");
	for (try = 0; try < TRIES && n < FALL_BACKS && !ktap.bad; try++) {
		memset(shared, 0, sizeof(*shared));
		zap_row("teardown", "walk", &walk_before);
		zap_row("teardown", "fast", &fast_before);
		fflush(stdout);
		if (!fork())
			take_slots_lock(try % 2 ? "off" : "force");
		if (!fork())
			exit_amidst(try);
		wait_for(-1);
		wait_for(-1);
		zap_row("teardown", "walk", &walk);
		zap_row("teardown", "fast", &fast);
		zap_diff(&walk, &walk_before);
		zap_diff(&fast, &fast_before);
		ktap_equal("counted", walk.count + fast.count, 1);
		n += walk.count;
	}
	ktap_diag("%u of %u VMs went while slots_lock was taken", n, try);
	ktap_check(n == FALL_BACKS, "none was counted as walk often enough");
	ktap_result("fast: the VM's process exits while slots_lock is taken");
}

int main(void)
{
	static const char * const policies[] = { ZAP_TEARDOWN_WORDS };
	unsigned int i;

	zap_need_debugfs();
	zap_start(5 * ARRAY_SIZE(policies) + 1);
	shared = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* The holder of a VM becomes this process's child when its parent is gone. */
	if (shared == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		vm_die("mmap or prctl: %s", strerror(errno));

	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		policy = policies[i];
		memset(shared, 0, sizeof(*shared));
		test_policy();
		test_huge();
	}
	test_fall_back();
	return ktap_end();
}
