// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MMIO generation wraps: each policy of mmio_zap drops what it says, once, and leaves
 * no MMIO SPTE of the previous cycle. VMs start a few changes of memory slots before the
 * wrap, which only test builds of the modules can do.
 *
 * What breaks without it: a whole cycle later, up to 2^18 changes of slots, KVM takes an
 * MMIO SPTE that was left for valid. The guest's accesses to memory that is there by then
 * end up in user space as MMIO. Or a wrap drops more than it has to, and the guest faults
 * in all of its memory again.
 *
 * The test does not wait for a whole cycle: KVM's tracepoint check_mmio_spte names the
 * generation of each MMIO SPTE that a vCPU meets.
 *
 * What vCPUs that run during the wrap do at that moment is left to chance. Policy fast,
 * which is KVM's own, does leave MMIO SPTEs then; the test reports how many and does not
 * judge that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "zap_tracing.h"
#include "zap_world.h"

#define GENERATION	"zap_mmio_generation"
#define CYCLE		(1UL << 18)	/* changes of one address space's slots, or two cycles */
#define SMM		(1U << 16)	/* slot ids of the other address space */

#define EVENT		"events/kvmmmu/check_mmio_spte"

/*
 * Memory that ends halfway through a page table; MMIO beside it, elsewhere, and in the
 * last page that a guest can have.
 */
#define RAM_BYTES	(SZ_2M + SZ_1M)
#define NEAR_GPA	(VM_RAM_GPA + RAM_BYTES)
#define NEAR_PAGES	16
#define FAR_GPA		(VM_RAM_GPA + 4 * SZ_2M)
#define FAR_PAGES	8
#define MAPPED_BYTES	(8 * SZ_2M)
#define TOP_GVA		(VM_RAM_GPA + MAPPED_BYTES)
#define TOP_GPA(vm)	((1UL << (vm)->gpa_bits) - SZ_2M)
#define LAST_PAGE	(SZ_2M - SZ_4K)
#define MMIO_PAGES	(NEAR_PAGES + FAR_PAGES + 1)
#define STAMP		0x6d656d00UL

enum { RAM, TOGGLED, OVER };

static const char * const policies[] = { ZAP_MMIO_POLICIES };

/* What the MMIO exits of a row of pages must be, and whether they were. */
static struct {
	uint64_t gpa, value, wrong;
} expected;

/*
 * MMIO SPTEs of another generation than the present one that vCPUs have found since the
 * last call. @by, if not NULL: how many of them thread @tid has found.
 */
static unsigned int take_stale_by(pid_t tid, unsigned int *by)
{
	char *line = zap_tracing_take(), *end, task[16];
	unsigned int n = 0;

	if (by)
		*by = 0;
	snprintf(task, sizeof(task), "-%d ", tid);
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (!strstr(line, " valid 0"))
			continue;
		n++;
		if (by && strstr(line, task))
			++*by;
	}
	return n;
}

static unsigned int take_stale(void)
{
	return take_stale_by(0, NULL);
}

/* Let VMs made from here on wrap in their change number @change. */
static void wrap_in(unsigned int change)
{
	char word[32];
	int ret;

	snprintf(word, sizeof(word), "%lu", CYCLE - change);
	ret = kvm_param_set(ZAP_MODULE, GENERATION, word);
	if (ret)
		vm_die("'%s' > parameter " GENERATION ": %s", word, strerror(-ret));
}

static void on_mmio(struct vcpu *vcpu, struct kvm_run *run)
{
	uint64_t value = expected.value + expected.gpa;

	(void)vcpu;
	if (run->mmio.is_write || run->mmio.len != 8 || run->mmio.phys_addr != expected.gpa)
		expected.wrong++;
	memcpy(run->mmio.data, &value, sizeof(value));
	expected.gpa += SZ_4K;
}

/* Each read must leave to user space, and give what that says. */
static void read_mmio(struct vm *vm, uint64_t gva, uint64_t gpa, unsigned int pages,
		      uint64_t value)
{
	struct guest_op op = { .op = GUEST_OP_READ, .start = gva, .bytes = pages * SZ_4K };
	uint64_t sum = pages * (value + gpa) + SZ_4K * pages * (pages - 1) / 2;
	struct guest_result res;

	expected.gpa = gpa;
	expected.value = value;
	expected.wrong = 0;
	vcpu_must(vm->vcpus, &op, &res);
	ktap_equal("MMIO exits", res.mmio_reads, pages);
	ktap_equal("MMIO exits that are not the expected read", expected.wrong, 0);
	ktap_equal("sum of what the guest read from MMIO", res.value, sum);
}

/* What the guest's touch of all that it has made KVM do. */
struct touched {
	uint64_t made;		/* MMIO SPTEs */
	uint64_t stale;		/* MMIO SPTEs found that could not be used */
	uint64_t ram_faults;
};

static void touch(struct vm *vm, uint64_t value, struct touched *touched)
{
	uint64_t made = zap_vcpus_stat(vm, "pf_mmio_spte_created"), faults;

	read_mmio(vm, NEAR_GPA, NEAR_GPA, NEAR_PAGES, value);
	read_mmio(vm, FAR_GPA, FAR_GPA, FAR_PAGES, value + 1);
	read_mmio(vm, TOP_GVA + LAST_PAGE, TOP_GPA(vm) + LAST_PAGE, 1, value + 2);
	touched->made = zap_vcpus_stat(vm, "pf_mmio_spte_created") - made;
	touched->stale = take_stale();

	faults = zap_vcpus_stat(vm, "pf_taken");
	ktap_equal("pages of memory that lost their content",
		   vcpu_mismatches(vm->vcpus, VM_RAM_GPA, RAM_BYTES, STAMP, NULL), 0);
	touched->ram_faults = zap_vcpus_stat(vm, "pf_taken") - faults;
}

/* What the change itself did: @counts, and @leafs fewer leaf SPTEs. */
static void expect_change(bool wraps, bool scoped, bool smm, const struct zap_counts *counts,
			  uint64_t leafs)
{
	ktap_equal("mmio_zap_fast", counts->mmio_zap_fast, wraps && !scoped);
	ktap_equal("mmio_zap_scoped", counts->mmio_zap_scoped, wraps && scoped);
	if (wraps && !scoped) {
		ktap_equal("zap_sptes", counts->zap_sptes, leafs);
		ktap_check(counts->zap_tables, "no page table went");
		return;
	}
	/* The guest does not run in the other address space: nothing there to drop. */
	ktap_equal("zap_sptes", counts->zap_sptes, wraps && !smm ? MMIO_PAGES : 0);
	ktap_equal("zap_tables", counts->zap_tables, 0);
	ktap_equal("leaf SPTEs that went", leafs, 0);
}

static void expect_touch(bool wraps, bool scoped, bool smm, const struct touched *touched)
{
	bool all_gone = wraps && !scoped;

	/* Each change of an address space uses up what was made for it before. */
	ktap_equal("MMIO SPTEs made", touched->made, smm && !all_gone ? 0 : MMIO_PAGES);
	ktap_equal("MMIO SPTEs found stale", touched->stale, smm || wraps ? 0 : MMIO_PAGES);
	if (all_gone)
		ktap_check(touched->ram_faults, "memory was not faulted in again");
	else
		ktap_equal("page faults on memory", touched->ram_faults, 0);
}

/*
 * One change at a time, in address space @as, across the wrap and beyond. NULL,
 * or why that cannot be tested.
 */
static const char *test_changes(const char *policy, const struct world_pages *pages,
				uint32_t as)
{
	/* The library's slot, the memory, what is toggled. */
	const unsigned int before = as ? 1 : 3, wrap = before + 4;
	struct vm_opts opts = { .guest_page = pages->guest };
	void *ram = vm_backing_alloc(2 * SZ_2M, pages->backing);
	void *toggled = vm_backing_alloc(SZ_4K, VM_4K);
	bool scoped = !strcmp(policy, "scoped");
	struct zap_counts counts, old;
	struct touched touched;
	unsigned int change, flags = 0;
	const char *why = NULL;
	uint64_t leafs;
	struct vm *vm;

	zap_site_policy("mmio", policy);
	wrap_in(wrap);
	vm = vm_create(&opts);
	vm->mmio = on_mmio;
	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, MAPPED_BYTES, 0);
	guest_pt_map(vm->pt, TOP_GVA, TOP_GPA(vm), SZ_2M, 0);
	vm_set_slot(vm, RAM, 0, VM_RAM_GPA, RAM_BYTES, ram);
	if (as && vm_cap(vm, KVM_CAP_MULTI_ADDRESS_SPACE) < 2)
		why = "KVM has one address space only";
	else
		vm_set_slot(vm, TOGGLED | as, 0, VM_ROM_GPA, SZ_4K, toggled);
	vcpu_stamp(vm->vcpus, VM_RAM_GPA, RAM_BYTES, STAMP);
	/* Shadow paging maps no more at a time than the guest does. */
	if (pages->backing == VM_2M && !zap_stat(vm, "pages_2m") &&
	    (zap_mmu() != ZAP_MMU_SHADOW || pages->guest == VM_2M))
		why = "the host gives no huge pages";
	touch(vm, 0, &touched);
	touch(vm, 0, &touched);
	ktap_check(!touched.made && !touched.stale && !touched.ram_faults,
		   "touched twice: made %lu, stale %lu, faults %lu", touched.made, touched.stale,
		   touched.ram_faults);

	for (change = before + 1; !why && change <= wrap + 2 && !ktap.bad; change++) {
		zap_counts(vm, &old);
		leafs = zap_leafs(vm);
		flags ^= KVM_MEM_LOG_DIRTY_PAGES;
		vm_set_slot(vm, TOGGLED | as, flags, VM_ROM_GPA, SZ_4K, toggled);
		zap_counts(vm, &counts);
		zap_diff(&counts, &old);
		expect_change(change == wrap, scoped, as, &counts, leafs - zap_leafs(vm));
		touch(vm, change << 16, &touched);
		expect_touch(change == wrap, scoped, as, &touched);
		if (ktap.bad)
			ktap_diag("the above in change %u, the wrap is in %u", change, wrap);
	}
	vm_destroy(vm);
	vm_backing_free(ram, 2 * SZ_2M);
	vm_backing_free(toggled, SZ_4K);
	return why;
}

/* Memory beside MMIO pages that vCPUs read meanwhile: enough for KVM's walk to pause. */
#define WATCHED_GPA	(WORLD_GPA + SZ_1M - WATCHED_PAGES * SZ_4K)
#define WATCHED_PAGES	24
#define BESIDE_GPA	(WORLD_GPA + SZ_1M)
#define BESIDE_BYTES	(16 * SZ_2M - SZ_1M)

/*
 * vCPU 1 reads MMIO and naps in each exit. When it wakes up it is its turn, with
 * one CPU, too: likely in the midst of KVM's walk. No verdict depends on that. A kernel
 * that preempts lazily would let a task of the fair class wait for the next tick.
 */
#define NAPPER		1
#define VCPUS		2
#define NAP_US		50
#define NAPPER_GPA	WORLD_GPA
#define NAPPER_PAGES	8
#define NEVER		2	/* the parity of no step */

static pid_t napper;		/* its thread */

static void nap_on_mmio(struct vcpu *vcpu, struct kvm_run *run)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	memcpy(run->mmio.data, &vcpu->vm->mmio_value, sizeof(run->mmio.data));
	if (vcpu->id != NAPPER || !vcpu->has_thread)
		return;
	napper = gettid();
	if (sched_setscheduler(gettid(), SCHED_FIFO, &lowest))
		vm_die("sched_setscheduler: %s", strerror(errno));
	usleep(NAP_US);
}

/* Changes 5 to 9 of a world's slots, one of which wraps, under the eyes of vCPUs. */
#define FIRST_CHANGE	5
#define LAST_CHANGE	9

static void run_changes(struct world *w, void *toggled, void *over)
{
	const size_t bytes = WATCHED_PAGES * SZ_4K;

	vm_set_slot(w->vm, TOGGLED, KVM_MEM_LOG_DIRTY_PAGES, VM_ROM_GPA, SZ_4K, toggled);
	world_rounds(w, 0);

	world_stamp(over, bytes, w->clock->hi + 1);
	world_step_begin(w);
	vm_set_slot(w->vm, OVER, 0, WATCHED_GPA, bytes, over);
	world_step_end(w);
	world_rounds(w, 0);

	/* Two changes: the slot is invalid, then it is gone. */
	world_step_begin(w);
	vm_delete_slot(w->vm, OVER);
	world_step_end(w);
	world_rounds(w, 0);

	vm_set_slot(w->vm, TOGGLED, 0, VM_ROM_GPA, SZ_4K, toggled);
	world_rounds(w, 0);
	world_rounds(w, 1);
}

/* Whether a task may be preempted in the kernel, at any instruction of it. */
static bool kernel_preempts(void)
{
	struct utsname uts;
	char models[128];

	uname(&uts);
	if (!strstr(uts.version, "PREEMPT_DYNAMIC"))
		return strstr(uts.version, "PREEMPT");
	/* "none (voluntary) full": what is in force is in brackets. */
	if (zap_read_file("/sys/kernel/debug/sched/preempt", models, sizeof(models)) < 0)
		return true;
	return !strstr(models, "(none)") && !strstr(models, "(voluntary)");
}

static void test_running(const char *policy, const struct world_pages *pages,
			 unsigned int wrap)
{
	void *ram = vm_backing_alloc(BESIDE_BYTES + SZ_1M, pages->backing);
	void *toggled = vm_backing_alloc(SZ_4K, VM_4K);
	void *over = vm_backing_alloc(WATCHED_PAGES * SZ_4K, VM_4K);
	bool scoped = !strcmp(policy, "scoped"), bad = ktap.bad;
	struct zap_counts counts;
	unsigned int left, by_napper;
	struct world *w;

	zap_site_policy("mmio", policy);
	wrap_in(wrap);
	/* Scoped deletions leave MMIO SPTEs alone, right or wrong. */
	w = world_create("scoped", pages);
	w->vm->mmio = nap_on_mmio;
	world_stamp(ram + SZ_1M, BESIDE_BYTES, 7);
	vm_set_slot(w->vm, RAM, 0, BESIDE_GPA, BESIDE_BYTES, ram + SZ_1M);
	vm_set_slot(w->vm, TOGGLED, 0, VM_ROM_GPA, SZ_4K, toggled);
	vcpu_read(w->vcpu[0], BESIDE_GPA, BESIDE_BYTES);
	take_stale();
	zap_tracing_put(EVENT "/filter", ZAP_TRACING_FORMER_CYCLE);

	world_watch(w, 0, WATCHED_GPA, WATCHED_PAGES, SZ_4K, 0, 1, 0);
	world_watch(w, NAPPER, NAPPER_GPA, NAPPER_PAGES, SZ_4K, 0, NEVER, 0);
	world_start(w, 0, zap_guest_patrol);
	world_start(w, 1, zap_guest_patrol);
	world_rounds(w, 0);
	world_rounds(w, 1);
	run_changes(w, toggled, over);
	world_stop(w, 0);
	world_stop(w, 1);
	world_expect_absent(w, 0, WATCHED_GPA, WATCHED_PAGES);
	world_watch_still(w, 0, BESIDE_GPA, BESIDE_BYTES / SZ_4K, SZ_4K, 0, 7);
	ktap_equal("MMIO exits of reads from memory", world_round(w, 0, zap_guest_patrol), 0);

	zap_counts(w->vm, &counts);
	ktap_equal("mmio_zap_fast", counts.mmio_zap_fast, !scoped);
	ktap_equal("mmio_zap_scoped", counts.mmio_zap_scoped, scoped);
	left = take_stale_by(napper, &by_napper);
	zap_tracing_put(EVENT "/filter", "0");
	/*
	 * KVM's own, fast, has them made with the old generation until the end. A vCPU
	 * that is preempted between its look at an MMIO SPTE and its look at the
	 * generation may find one that went meanwhile, but not the one that comes first.
	 */
	if (scoped)
		ktap_check(left - by_napper <= (kernel_preempts() ? VCPUS - 1 : 0) && !by_napper,
			   "MMIO SPTEs left of the former cycle: %u, %u found by the vCPU that naps",
			   left, by_napper);
	else if (left)
		ktap_diag("fast left %u MMIO SPTEs of the former cycle, as it may", left);
	if (ktap.bad && !bad)
		ktap_diag("the above in the VM that wraps in change %u", wrap);
	world_destroy(w);
	vm_backing_free(ram, BESIDE_BYTES + SZ_1M);
	vm_backing_free(toggled, SZ_4K);
	vm_backing_free(over, WATCHED_PAGES * SZ_4K);
}

int main(void)
{
	unsigned int i, j, wrap;
	const char *why;
	char word[64];

	if (kvm_param_get(ZAP_MODULE, ZAP_PARAM, word, sizeof(word)) != -ENOENT) {
		if (kvm_param_get(ZAP_MODULE, GENERATION, word, sizeof(word)) == -ENOENT)
			ktap_skip_all("no parameter " GENERATION ": no test build of the modules");
		if (!kvm_param_get(ZAP_MODULE, "mmio_caching", word, sizeof(word)) &&
		    strchr("Nn0", word[0]))
			ktap_skip_all("KVM makes no MMIO SPTEs here: mmio_caching is off");
		if (access(ZAP_TRACING EVENT, F_OK))
			ktap_skip_all("no " ZAP_TRACING EVENT ": mount tracefs, run as root");
	}
	zap_start(ARRAY_SIZE(policies) * (ARRAY_SIZE(world_pages) + 3));
	zap_tracing_start(EVENT);
	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		for (j = 0; j < ARRAY_SIZE(world_pages); j++) {
			why = test_changes(policies[i], &world_pages[j], 0);
			if (why)
				ktap_skip(why, "%s, %s: one change at a time", policies[i],
					  world_pages[j].name);
			else
				ktap_result("%s, %s: one change at a time", policies[i],
					    world_pages[j].name);
		}
		/* Small pages for all, huge pages for all. */
		for (j = 0; j < ARRAY_SIZE(world_pages); j += 3) {
			for (wrap = FIRST_CHANGE; wrap <= LAST_CHANGE; wrap++)
				test_running(policies[i], &world_pages[j], wrap);
			ktap_result("%s, %s: vCPUs run meanwhile", policies[i],
				    world_pages[j].name);
		}
		why = test_changes(policies[i], &world_pages[0], SMM);
		if (why)
			ktap_skip(why, "%s: changes of the other address space", policies[i]);
		else
			ktap_result("%s: changes of the other address space", policies[i]);
	}
	return ktap_end();
}
