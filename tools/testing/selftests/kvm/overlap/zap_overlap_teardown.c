// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM is torn down while other tasks use it, see zap_overlap.h: its last descriptor is
 * closed while its process exits, MMU notifiers unmap its memory, or its files in debugfs
 * are read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zap_overlap.h"
#include "zap_tracing.h"

#define PAGES		512UL
#define BYTES		(PAGES * SZ_4K)
#define ROUNDS		10

/* Of the VM's word, between two of other files. */
#define READS		2

/* Of the table of all VMs, each time: a VM leaves it in a moment, to be met in a row. */
#define VMS_READS	4

/* What processes tell each other. */
static struct shared {
	unsigned int held, ready, go, exit;
	pid_t pid;		/* of the VM's process, and its descriptor */
	int fd;
	uint64_t leafs;
} *shared;

static const char *policy;

/* Of policy fast: counted as walk. */
static unsigned int fell_back;

static void set(unsigned int *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_RELEASE);
}

static bool is_set(const unsigned int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void sleep_until(const unsigned int *flag)
{
	while (!is_set(flag))
		usleep(50);
}

static void spin_until(const unsigned int *flag)
{
	while (!is_set(flag))
		overlap_pause();
}

static void spin(unsigned int us)
{
	uint64_t end = vm_now_ns() + us * 1000UL;

	while (vm_now_ns() < end)
		overlap_pause();
}

static struct vm *make_vm(void *mem)
{
	struct vm *vm = vm_create(NULL);

	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, BYTES, VM_2M);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, BYTES, mem);
	zap_leafs(vm);
	shared->fd = vm->fd;
	shared->pid = getpid();
	return vm;
}

/* Have its memory mapped. Not before a fork, which unmaps what a process has. */
static void use(struct vm *vm)
{
	vcpu_read(vm->vcpus, VM_RAM_GPA, BYTES);
	shared->leafs = zap_leafs(vm);
}

static pid_t fork_or_die(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		vm_die("fork: %s", strerror(errno));
	return pid;
}

static void wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		vm_die("waitpid: %s", strerror(errno));
	ktap_equal("status of a process", status, 0);
}

/*
 * Child: make a VM whose last descriptor a child of its own closes while this one exits.
 * This one has closed its own: they would be closed after its memory is gone, and the
 * other close would not be the last one. @lead: how many microseconds
 * earlier the other one begins, which has more to do until it gets there.
 */
static void exit_beside_closer(void *mem, unsigned int lead)
{
	struct vm *vm = make_vm(mem);

	if (!fork_or_die()) {
		overlap_pin(OVERLAP_PARTNER);
		set(&shared->held);
		sleep_until(&shared->ready);
		set(&shared->go);
		vm_close(vm);
		_exit(0);
	}
	sleep_until(&shared->held);
	use(vm);
	vm_close(vm);
	set(&shared->ready);
	spin_until(&shared->go);
	spin(lead);
	_exit(0);
}

/* Child: make a VM, let a child of its own hold it, and exit. */
static void exit_held(void *mem)
{
	struct vm *vm = make_vm(mem);

	if (!fork_or_die()) {
		set(&shared->held);
		sleep_until(&shared->go);
		_exit(0);
	}
	sleep_until(&shared->held);
	use(vm);
	set(&shared->ready);
	sleep_until(&shared->exit);
	_exit(0);
}

/*
 * What was counted since @before: one VM, and no more than it had. A second closer that
 * comes when the first one has just ended is not another VM.
 */
static void expect_one(const struct zap_row *before, const struct zap_row *walk_before)
{
	struct zap_row row, walk;
	uint64_t count, sptes;

	zap_row("teardown", policy, &row);
	zap_row("teardown", "walk", &walk);
	zap_diff(&row, before);
	zap_diff(&walk, walk_before);
	fell_back += strcmp(policy, "walk") ? walk.count : 0;
	/* Fast falls back to walk where slots_lock is taken. */
	count = row.count + walk.count;
	sptes = row.sptes + walk.sptes;
	ktap_check(count == 1 && sptes <= shared->leafs,
		   "counted: %s %lu, walk %lu, sptes %lu and %lu (at most %lu)", policy, row.count,
		   walk.count, row.sptes, walk.sptes, shared->leafs);
}

/*
 * By how much depends on the kernel: more when the one that exits came first the last time,
 * less when the other one did.
 */
#define LEAD_US		400
#define LEAD_STEP_US	150

static unsigned int lead;

static void adjust_lead(const struct overlap_seen *seen, bool met)
{
	if (met)
		return;
	if (seen->cpu != (unsigned int)OVERLAP_PARTNER)
		lead += LEAD_STEP_US;
	else if (lead > LEAD_STEP_US)
		lead -= LEAD_STEP_US;
}

static void closer_round(void *mem, unsigned int round)
{
	(void)round;
	if (!fork_or_die())
		exit_beside_closer(mem, lead);
	wait_for(-1);
	wait_for(-1);
}

struct notifier {
	unsigned char *mem;
	unsigned int step;
};

static void take_page(void *arg)
{
	struct notifier *n = arg;

	if (madvise(n->mem + n->step++ * 7 % PAGES * SZ_4K, SZ_4K, MADV_DONTNEED))
		vm_die("madvise: %s", strerror(errno));
}

static void notifier_round(void *mem, unsigned int round)
{
	struct notifier n = { .mem = mem, .step = round };
	struct vm *vm = make_vm(mem);

	use(vm);
	overlap_partner_start(take_page, &n);
	vm_close(vm);
	overlap_partner_stop();
	vm_free(vm);
}

struct reader {
	int fd;		/* of the VM's word */
	unsigned int steps;
};

/*
 * Whatever is read, is: a folder that goes, or has gone, is no error. Nor is it one that a VM
 * which goes is not in the table of all any more.
 */
static void read_files(void *arg)
{
	static const char * const files[] = { "mmu_rmaps_stat", "zap_sptes" };
	struct reader *r = arg;
	char path[128], buf[4096];
	unsigned int i;

	for (i = 0; i < READS; i++)
		if (pread(r->fd, buf, sizeof(buf), 0) < 0)
			break;
	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/%s", shared->pid, shared->fd,
		 files[r->steps % ARRAY_SIZE(files)]);
	zap_read_file(path, buf, sizeof(buf));
	for (i = 0; i < VMS_READS; i++)
		zap_read_file(ZAP_DEBUGFS "zap/vms", buf, sizeof(buf));
	/* Each event has to be read, too. */
	usleep(20);
	__atomic_fetch_add(&r->steps, 1, __ATOMIC_RELEASE);
}

static void reader_round(void *mem, unsigned int round)
{
	char path[128], word[32];
	pid_t pid = fork_or_die();
	struct reader r = {};

	(void)round;
	if (!pid)
		exit_held(mem);
	sleep_until(&shared->ready);
	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/memslot_zap", shared->pid, shared->fd);
	r.fd = open(path, O_RDONLY | O_CLOEXEC);
	ktap_check(r.fd >= 0, "%s: %s", path, strerror(errno));
	overlap_partner_start(read_files, &r);
	while (__atomic_load_n(&r.steps, __ATOMIC_ACQUIRE) < 2)
		usleep(50);
	set(&shared->exit);
	wait_for(pid);
	set(&shared->go);
	wait_for(-1);
	overlap_partner_stop();
	/* The VM is gone: its file knows nothing any more. */
	ktap_check(pread(r.fd, word, sizeof(word), 0) < 0,
		   "the word of a VM that is gone was read");
	close(r.fd);
}

static const struct {
	const char *name;
	const char *event;
	void (*round)(void *mem, unsigned int round);
} cases[] = {
	{ "a second closer", "kvm_zap_begin", closer_round },
	{ "an MMU notifier", "kvm/kvm_unmap_hva_range", notifier_round },
	{ "readers of debugfs", "kvm_zap_word_show", reader_round },
};

static void run_rounds(struct overlap *o, unsigned int nr, void *mem)
{
	/* Of no memslot. */
	const struct overlap_pair pair = { .slot = -1 };
	struct zap_row before, walk_before;
	unsigned int i, met;

	for (i = 0; i < ROUNDS && !ktap.bad; i++) {
		memset(shared, 0, sizeof(*shared));
		memset(mem, 1, BYTES);
		zap_row("teardown", policy, &before);
		zap_row("teardown", "walk", &walk_before);
		overlap_trace_pause(false);
		cases[nr].round(mem, i);
		overlap_trace_pause(true);
		met = o->seen.met;
		overlap_trace_read(o, &pair);
		adjust_lead(&o->seen, o->seen.met > met);
		expect_one(&before, &walk_before);
	}
}

static void judge_closers(const struct overlap *o)
{
	ktap_diag("%u VMs, of which %u were counted as walk", ROUNDS, fell_back);
	/*
	 * Nobody else has slots_lock. The second one may get it first, between two steps of
	 * the first one's: hardly ever.
	 */
	ktap_check(fell_back < 2, "VMs that were counted as walk: %u", fell_back);
	ktap_equal("VMs that one task began to count and another one counted", o->seen.usurped, 0);
}

static void test(unsigned int nr, void *mem)
{
	static struct overlap o;
	uint64_t start = vm_now_ns();
	char name[64];

	snprintf(name, sizeof(name), "teardown by %s, and %s", policy, cases[nr].name);
	if (!overlap_wanted(name))
		return;
	if (!overlap_trace_on(cases[nr].event, NULL)) {
		ktap_skip("the kernel has no such event, or function", "%s", name);
		return;
	}
	memset(&o, 0, sizeof(o));
	o.event = cases[nr].event;
	zap_site_policy("teardown", policy);
	fell_back = 0;
	lead = LEAD_US;
	overlap_delay("kvm_zap_count_table");
	overlap_metronome(true);
	run_rounds(&o, nr, mem);
	overlap_metronome(false);
	overlap_trace_off();
	overlap_delay_end();
	if (cases[nr].round == closer_round)
		judge_closers(&o);
	overlap_conclude(name, o.event, &o.seen, start, NULL);
}

unsigned int overlap_count_teardowns(void)
{
	static const char * const policies[] = { "bulk", "fast" };
	unsigned int i, j, n = 0;
	char name[64];

	for (i = 0; i < ARRAY_SIZE(policies); i++)
		for (j = 0; j < ARRAY_SIZE(cases); j++) {
			snprintf(name, sizeof(name), "teardown by %s, and %s", policies[i],
				 cases[j].name);
			n += overlap_wanted(name);
		}
	return n;
}

void overlap_teardowns(void)
{
	static const char * const policies[] = { "bulk", "fast" };
	void *mem = vm_backing_alloc(BYTES, VM_4K);
	unsigned int i, j;

	shared = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* The holder of a VM becomes this process's child when its parent is gone. */
	if (shared == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		vm_die("mmap or prctl: %s", strerror(errno));
	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		policy = policies[i];
		for (j = 0; j < ARRAY_SIZE(cases); j++)
			test(j, mem);
	}
	vm_backing_free(mem, BYTES);
}
