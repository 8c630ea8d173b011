// SPDX-License-Identifier: GPL-2.0-only
/*
 * What small, known workloads add to the VM's statistics and to zap/stats. No other VM
 * may run on the host meanwhile.
 *
 * What breaks without it: the operator chooses a policy by wrong numbers. The test also
 * counts remote TLB flushes: if one is missing, a vCPU continues to use a mapping that
 * was dropped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_small_vm.h"

/* Each policy, the statistic that it counts deletions in, and its row. */
static const struct {
	const char *word;
	unsigned int counter;
} policies[] = {
	{ "fast", offsetof(struct zap_counts, memslot_zap_fast) / sizeof(uint64_t) },
	{ "scoped", offsetof(struct zap_counts, memslot_zap_scoped) / sizeof(uint64_t) },
};

#define FAST	0
#define SCOPED	1
#define NR_POLICIES	ARRAY_SIZE(policies)

/* A GiB of its own, mapped by guest page tables in a slot of their own. */
#define TABLES_GPA	0x90000000UL
#define WINDOW_GVA	0x700000000UL

/* What processes of test_exit() tell each other. */
struct shared {
	bool held, release;
	uint64_t leafs, tables;
};

/* Everything that counts, at one moment. */
struct shot {
	struct zap_counts vm;
	struct zap_row row[NR_POLICIES];
	struct zap_row teardown;
	uint64_t leafs;
	uint64_t flushes;
	uint64_t time_ns;
};

static void take_rows(struct shot *s)
{
	unsigned int i;

	for (i = 0; i < NR_POLICIES; i++)
		zap_row("memslot", policies[i].word, &s->row[i]);
	zap_row("teardown", "walk", &s->teardown);
}

static struct shot take(struct vm *vm)
{
	struct shot s;

	zap_counts(vm, &s.vm);
	take_rows(&s);
	s.leafs = zap_leafs(vm);
	s.flushes = zap_stat(vm, "remote_tlb_flush_requests");
	s.time_ns = vm_now_ns();
	return s;
}

/* What changed since @before; a leaf that is gone counts upwards. */
static struct shot since(struct vm *vm, const struct shot *before)
{
	struct shot s = take(vm);
	uint64_t leafs = before->leafs - s.leafs;
	unsigned int i;

	/* The maximum is no sum: all that is asked of it is in expect(). */
	for (i = 0; i < NR_POLICIES; i++)
		ktap_check(s.row[i].max_ns >= before->row[i].max_ns, "max_ns went down");
	zap_diff(&s, before);
	s.leafs = leafs;
	return s;
}

static void expect_nothing_in_row(const char *name, const struct zap_row *row)
{
	bool still = !row->count && !row->sptes && !row->tables && !row->yields &&
		     !row->flushes && !row->total_ns && !row->collateral && !row->kept;

	ktap_check(still, "zap/stats '%s' moved: count %lu sptes %lu tables %lu",
		   name, row->count, row->sptes, row->tables);
}

static void expect_nothing(const struct shot *d)
{
	unsigned int i;

	for (i = 0; i < ZAP_NR_COUNTS; i++)
		ktap_equal(zap_count_names[i], ((const uint64_t *)&d->vm)[i], 0);
	for (i = 0; i < NR_POLICIES; i++)
		expect_nothing_in_row(policies[i].word, &d->row[i]);
	expect_nothing_in_row("teardown walk", &d->teardown);
}

/*
 * One invalidation under @policy, of so many leaf SPTEs and page tables, because a memslot
 * of @pages went.
 */
static void expect(const struct shot *before, const struct shot *d, unsigned int policy,
		   uint64_t pages, uint64_t sptes, uint64_t tables_min, uint64_t tables_max)
{
	const uint64_t *counts = (const uint64_t *)&d->vm;
	const struct zap_row *row = &d->row[policy];
	unsigned int i;

	/* The first four count invalidations. */
	for (i = 0; i < 4; i++)
		ktap_equal(zap_count_names[i], counts[i], i == policies[policy].counter);
	ktap_equal("zap_sptes", d->vm.zap_sptes, sptes);
	ktap_equal("leaf SPTEs that KVM itself says are gone", d->leafs, sptes);
	ktap_equal("zap_collateral", d->vm.zap_collateral, sptes > pages ? sptes - pages : 0);
	ktap_equal("zap_kept", d->vm.zap_kept, policy == SCOPED ? before->leafs - sptes : 0);
	ktap_check(d->vm.zap_tables >= tables_min && d->vm.zap_tables <= tables_max,
		   "zap_tables: %lu, expected %lu to %lu", d->vm.zap_tables, tables_min,
		   tables_max);
	ktap_check(d->vm.zap_ns > 0 && d->vm.zap_ns < d->time_ns,
		   "zap_ns: %lu, the system call took less than %lu", d->vm.zap_ns, d->time_ns);
	ktap_check(d->vm.zap_yields < 100, "zap_yields: %lu in a tiny VM", d->vm.zap_yields);
	/* Only scoped leaves vCPUs their roots: fast has other ways to flush. */
	if (policy == SCOPED && !d->vm.zap_yields)
		ktap_equal("remote TLB flushes", d->flushes, sptes > 0);
	else if (policy == SCOPED && sptes)
		ktap_check(d->flushes, "leaf SPTEs were dropped without a remote TLB flush");

	ktap_equal("zap/stats: count", row->count, 1);
	ktap_equal("zap/stats: sptes", row->sptes, d->vm.zap_sptes);
	ktap_equal("zap/stats: tables", row->tables, d->vm.zap_tables);
	ktap_equal("zap/stats: yields", row->yields, d->vm.zap_yields);
	ktap_equal("zap/stats: flushes", row->flushes, d->flushes);
	ktap_equal("zap/stats: total_ns", row->total_ns, d->vm.zap_ns);
	ktap_equal("zap/stats: collateral", row->collateral, d->vm.zap_collateral);
	ktap_equal("zap/stats: kept", row->kept, d->vm.zap_kept);
	for (i = 0; i < NR_POLICIES; i++)
		if (i != policy)
			expect_nothing_in_row(policies[i].word, &d->row[i]);
	expect_nothing_in_row("teardown walk", &d->teardown);
}

/*
 * The same for a slot that holds @scoped leaf SPTEs and no whole page table. Outside the
 * TDP MMU it may have one to itself all the same, if it is large enough to take it along.
 */
static void expect_slot(struct small_vm *t, const struct shot *before, const struct shot *d,
			unsigned int policy, uint64_t pages, uint64_t scoped, unsigned int tables)
{
	if (zap_mmu() == ZAP_MMU_TDP)
		tables = 0;
	if (policy == SCOPED)
		expect(before, d, policy, pages, scoped, tables, tables);
	else
		expect(before, d, policy, pages, before->leafs, small_vm_tables(t),
		       small_vm_tables(t));
}

static void test_delete(struct small_vm *t, unsigned int policy)
{
	struct shot before, d;

	small_vm_touch(t);
	before = take(t->vm);
	ktap_check(before.leafs >= RAM_TOUCHED + ROM_TOUCHED, "only %lu leaf SPTEs", before.leafs);
	vm_delete_slot(t->vm, ROM);
	d = since(t->vm, &before);
	expect_slot(t, &before, &d, policy, ROM_PAGES, ROM_TOUCHED, 0);
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
	ktap_result("%s: a slot is deleted", policies[policy].word);
}

static void test_delete_unused(struct small_vm *t, unsigned int policy)
{
	struct shot before, d;

	small_vm_touch(t);
	vm_set_slot(t->vm, TABLES, 0, ROM_MOVED_GPA, SZ_4K, t->rom);
	before = take(t->vm);
	vm_delete_slot(t->vm, TABLES);
	d = since(t->vm, &before);
	expect_slot(t, &before, &d, policy, 1, 0, 0);
	ktap_result("%s: a slot is deleted that nobody used", policies[policy].word);
}

static void test_move(struct small_vm *t, unsigned int policy)
{
	struct shot before, d;

	small_vm_touch(t);
	before = take(t->vm);
	vm_set_slot(t->vm, ROM, 0, ROM_MOVED_GPA, ROM_PAGES * SZ_4K, t->rom);
	d = since(t->vm, &before);
	expect_slot(t, &before, &d, policy, ROM_PAGES, ROM_TOUCHED, 0);
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
	ktap_result("%s: a slot is moved", policies[policy].word);
}

static void test_nothing(struct small_vm *t, unsigned int policy)
{
	struct shot before, d;

	small_vm_touch(t);
	before = take(t->vm);
	vm_set_slot(t->vm, TABLES, 0, ROM_MOVED_GPA, SZ_64K, t->rom);
	vm_set_slot(t->vm, ROM, KVM_MEM_LOG_DIRTY_PAGES, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
	/* The same again, what is there already, and what is not there. */
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
	ktap_equal("error of overlapping slots",
		   -vm_try_slot(t->vm, 9, 0, VM_ROM_GPA, SZ_4K, t->rom), EEXIST);
	ktap_equal("error of deleting no slot", -vm_try_slot(t->vm, 9, 0, 0, 0, NULL), EINVAL);
	d = since(t->vm, &before);
	expect_nothing(&d);
	vm_delete_slot(t->vm, TABLES);
	ktap_result("%s: slots created, changed, refused count nothing", policies[policy].word);
}

/* A slot that is a GiB, with two 4K page tables: all three are given back. */
static void test_whole_tables(unsigned int policy)
{
	void *mem = mmap(NULL, SZ_1G, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct shot before, d;
	struct small_vm t;
	unsigned int i;

	if (mem == MAP_FAILED || madvise(mem, SZ_1G, MADV_NOHUGEPAGE))
		vm_die("mmap or madvise: %s", strerror(errno));
	small_vm_create(&t, VM_4K);
	vm_set_slot(t.vm, TABLES, 0, VM_RAM_GPA + SZ_1G, SZ_1G, mem);
	guest_pt_map(t.vm->pt, VM_RAM_GPA + SZ_1G, VM_RAM_GPA + SZ_1G, 2 * SZ_2M, 0);
	small_vm_touch(&t);
	for (i = 0; i < 2; i++) {
		vcpu_read(t.vcpu, VM_RAM_GPA + SZ_1G + i * SZ_2M, 16 * SZ_4K);
		small_vm_touched(&t, VM_RAM_GPA + SZ_1G + i * SZ_2M);
	}
	before = take(t.vm);
	vm_delete_slot(t.vm, TABLES);
	d = since(t.vm, &before);
	if (policy == SCOPED)
		expect(&before, &d, policy, SZ_1G / SZ_4K, 32, 3, 3);
	else
		expect_slot(&t, &before, &d, policy, SZ_1G / SZ_4K, 0, 0);
	small_vm_destroy(&t);
	munmap(mem, SZ_1G);
	ktap_result("%s: a slot of whole page tables is deleted", policies[policy].word);
}

static void test_huge(unsigned int policy)
{
	struct shot before, d;
	struct small_vm t;
	bool huge;

	small_vm_create(&t, VM_2M);
	small_vm_touch(&t);
	huge = zap_stat(t.vm, "pages_2m") == 2;
	before = take(t.vm);
	vm_delete_slot(t.vm, RAM);
	d = since(t.vm, &before);
	if (huge)
		expect_slot(&t, &before, &d, policy, 2 * SZ_2M / SZ_4K, 2, 1);
	small_vm_destroy(&t);
	if (huge)
		ktap_result("%s: a slot of 2M pages is deleted", policies[policy].word);
	else
		ktap_skip("the host gives no huge pages", "%s: a slot of 2M pages is deleted",
			  policies[policy].word);
}

/* The slot that is deleted holds two guest page tables that map memory of another. */
static void test_guest_tables(unsigned int policy)
{
	bool shadow = zap_mmu() == ZAP_MMU_SHADOW;
	struct shot before, d;
	struct small_vm t;

	small_vm_create(&t, VM_4K);
	t.tables = vm_backing_alloc(2 * SZ_4K, VM_4K);
	guest_pt_arena(t.vm->pt, TABLES_GPA, t.tables, 2 * SZ_4K);
	guest_pt_map(t.vm->pt, WINDOW_GVA, VM_RAM_GPA, ROM_TOUCHED * SZ_4K, 0);
	vm_set_slot(t.vm, TABLES, 0, TABLES_GPA, 2 * SZ_4K, t.tables);
	small_vm_touch(&t);
	vcpu_read(t.vcpu, WINDOW_GVA, ROM_TOUCHED * SZ_4K);
	small_vm_touched(&t, shadow ? WINDOW_GVA : TABLES_GPA);
	before = take(t.vm);
	vm_delete_slot(t.vm, TABLES);
	d = since(t.vm, &before);
	if (policy == FAST)
		expect_slot(&t, &before, &d, policy, 2, 0, 0);
	else if (shadow)
		/* Both are shadowed, and the window's mappings are in there. */
		expect(&before, &d, policy, 2, ROM_TOUCHED, 2, 2);
	else
		/* The CPU reads them like any other memory. */
		expect_slot(&t, &before, &d, policy, 2, 2, 0);
	small_vm_destroy(&t);
	ktap_result("%s: a slot of guest page tables is deleted", policies[policy].word);
}

/* A slot's update, which is to be counted, or not; the longest one so far. */
static void expect_update(struct vm *vm, uint64_t *longest, uint32_t slot, uint32_t flags,
			  uint64_t gpa, uint64_t bytes, void *mem, bool counted)
{
	uint64_t updates = zap_stat(vm, "memslot_updates");
	uint64_t update_ns = zap_stat(vm, "memslot_update_ns");
	uint64_t zap_ns = zap_stat(vm, "zap_ns");
	uint64_t start = vm_now_ns(), took;

	vm_try_slot(vm, slot, flags, gpa, bytes, mem);
	start = vm_now_ns() - start;
	took = zap_stat(vm, "memslot_update_ns") - update_ns;
	if (took > *longest)
		*longest = took;
	ktap_equal("memslot_updates", zap_stat(vm, "memslot_updates") - updates, counted);
	ktap_check(!took == !counted && took <= start,
		   "memslot_update_ns: %lu, the system call took %lu", took, start);
	ktap_check(zap_stat(vm, "zap_ns") - zap_ns <= took, "zap_ns is more: %lu",
		   zap_stat(vm, "zap_ns") - zap_ns);
	ktap_equal("memslot_update_max_ns", zap_stat(vm, "memslot_update_max_ns"), *longest);
}

/* Of all changes of memslots: what the VMM waited for. */
static void test_updates(struct small_vm *t, unsigned int policy)
{
	uint64_t longest = zap_stat(t->vm, "memslot_update_max_ns");
	const uint64_t bytes = ROM_PAGES * SZ_4K;

	small_vm_touch(t);
	expect_update(t->vm, &longest, ROM, 0, 0, 0, NULL, true);
	expect_update(t->vm, &longest, ROM, 0, VM_ROM_GPA, bytes, t->rom, true);
	expect_update(t->vm, &longest, ROM, KVM_MEM_LOG_DIRTY_PAGES, VM_ROM_GPA, bytes, t->rom,
		      true);
	expect_update(t->vm, &longest, ROM, 0, VM_ROM_GPA, bytes, t->rom, true);
	expect_update(t->vm, &longest, ROM, 0, VM_ROM_GPA, bytes, t->rom, false);
	expect_update(t->vm, &longest, 9, 0, VM_ROM_GPA, bytes, t->rom, false);
	expect_update(t->vm, &longest, 9, 0, 0, 0, NULL, false);
	expect_update(t->vm, &longest, ROM, 0, ROM_MOVED_GPA, bytes, t->rom, true);
	expect_update(t->vm, &longest, ROM, 0, VM_ROM_GPA, bytes, t->rom, true);
	ktap_result("%s: updates of slots are counted, and how long they took",
		    policies[policy].word);
}

/* Each invalidation of the VM is in a bucket of its own histogram. */
static void test_hist(struct small_vm *t, unsigned int policy)
{
	uint64_t before[ZAP_NS_BUCKETS], after[ZAP_NS_BUCKETS], ns;
	unsigned int i, bucket;

	small_vm_touch(t);
	zap_hist(t->vm, "zap_ns_hist", before, ZAP_NS_BUCKETS);
	ns = zap_stat(t->vm, "zap_ns");
	vm_delete_slot(t->vm, ROM);
	ns = zap_stat(t->vm, "zap_ns") - ns;
	zap_hist(t->vm, "zap_ns_hist", after, ZAP_NS_BUCKETS);
	bucket = zap_bucket(ns, ZAP_NS_BUCKETS);
	for (i = 0; i < ZAP_NS_BUCKETS; i++)
		ktap_check(after[i] - before[i] == (i == bucket),
			   "bucket %u: %lu more, after one of %lu ns", i, after[i] - before[i], ns);
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
	ktap_result("%s: zap_ns_hist has it in its bucket", policies[policy].word);
}

/*
 * The VM goes: site teardown, whatever the policy of memslots. Later KVM deletes memslots of
 * its own, when nothing is mapped there any more.
 */
static void test_teardown(struct small_vm *t, unsigned int policy)
{
	unsigned int deletions = zap_private_deletions(t->vm, false, false);
	struct shot before, after;
	unsigned int i;

	small_vm_touch(t);
	before = take(t->vm);
	vm_close(t->vm);
	after = before;
	take_rows(&after);
	zap_diff(&after, &before);
	ktap_equal("zap/stats: count", after.teardown.count, 1);
	ktap_equal("zap/stats: sptes", after.teardown.sptes, before.leafs);
	ktap_equal("zap/stats: tables", after.teardown.tables, small_vm_tables(t));
	ktap_equal("zap/stats: collateral", after.teardown.collateral, 0);
	ktap_equal("zap/stats: kept", after.teardown.kept, 0);
	ktap_check(after.teardown.total_ns, "zap/stats: total_ns: 0");
	for (i = 0; i < NR_POLICIES; i++) {
		if (i == policy && deletions) {
			ktap_equal("zap/stats: count of KVM's own memslots", after.row[i].count,
				   deletions);
			ktap_equal("zap/stats: sptes of KVM's own memslots", after.row[i].sptes, 0);
		} else {
			expect_nothing_in_row(policies[i].word, &after.row[i]);
		}
	}
	small_vm_free(t);
	ktap_result("%s: the VM is closed", policies[policy].word);
}

/*
 * In a process of its own: make a VM, let another process hold its descriptors
 * as well, and exit; if @race, both at the same time, else that one later. Says
 * how many leaf SPTEs the VM had.
 */
static void exit_with_vm(volatile struct shared *shared, bool race)
{
	struct small_vm t;
	pid_t pid;

	small_vm_create(&t, VM_4K);
	pid = fork();
	if (!pid) {
		shared->held = true;
		while (!shared->release)
			sched_yield();
		_exit(0);
	}
	while (pid > 0 && !shared->held)
		sched_yield();
	/* Not before: what a process has mapped is unmapped when it forks. */
	small_vm_touch(&t);
	shared->leafs = zap_leafs(t.vm);
	shared->tables = small_vm_tables(&t);
	shared->release = race;
	_exit(pid < 0);
}

static void wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0 || status)
		vm_die("a process ended with status 0x%x: %s", status, strerror(errno));
}

/*
 * The process that a VM belongs to exits, and its mappings with it, while
 * another one holds the VM's descriptors, or closes them at the same time.
 */
static void test_exit(void)
{
	volatile struct shared *shared = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE,
					      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct zap_row row, before;
	unsigned int round;
	pid_t pid;

	/* The holder becomes this process's child when its own parent is gone. */
	if (shared == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		vm_die("mmap or prctl: %s", strerror(errno));
	fflush(stdout);
	for (round = 0; round < 8; round++) {
		memset((void *)shared, 0, sizeof(*shared));
		zap_row("teardown", "walk", &before);
		pid = fork();
		if (!pid)
			exit_with_vm(shared, round);
		wait_for(pid);
		if (!round) {
			zap_row("teardown", "walk", &row);
			ktap_equal("zap/stats: count, the VM still held", row.count - before.count, 1);
			ktap_equal("zap/stats: sptes, the VM still held",
				   row.sptes - before.sptes, shared->leafs);
		}
		shared->release = true;
		wait_for(-1);
		zap_row("teardown", "walk", &row);
		zap_diff(&row, &before);
		ktap_equal("zap/stats: count", row.count, 1);
		ktap_equal("zap/stats: sptes", row.sptes, shared->leafs);
		ktap_equal("zap/stats: tables", row.tables, shared->tables);
	}
	munmap((void *)shared, SZ_4K);
	ktap_result("the VM's process exits, another one holds the VM");
}

int main(void)
{
	struct small_vm t;
	unsigned int i;

	zap_need_debugfs();
	zap_start(NR_POLICIES * 10 + 1);
	for (i = 0; i < NR_POLICIES; i++) {
		zap_policy(policies[i].word);
		small_vm_create(&t, VM_4K);
		test_delete(&t, i);
		test_delete_unused(&t, i);
		test_move(&t, i);
		test_nothing(&t, i);
		test_updates(&t, i);
		test_hist(&t, i);
		test_teardown(&t, i);
		test_whole_tables(i);
		test_huge(i);
		test_guest_tables(i);
	}
	test_exit();
	return ktap_end();
}
