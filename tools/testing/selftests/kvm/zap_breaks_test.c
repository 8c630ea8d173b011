// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy scoped makes lock breaks in the middle of a large memslot and loses nothing by
 * them: each mapping of the memslot goes and is counted once, and so does each page table
 * of the TDP MMU that maps only the memslot.
 *
 * What breaks without it: the SPTEs at which the walk paused stay mapped, and the guest
 * keeps memory that was given to somebody else.
 *
 * The walk makes way for a thread that wakes up all the time. This thread takes no lock
 * of KVM's, so KVM's statistics of its mappings are exact. In another case, one more
 * thread makes the kernel reclaim memory. KVM's shrinker, where there is one, then frees
 * the very shadow pages that the walk looks at.
 *
 *	zap_breaks_test [MIB]	size of the memory that is mapped; default 128
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_nap.h"

#define YIELDS_MIN	3
#define ROUNDS_MAX	20
/* In some of them shadow pages go in the midst of the deletion, which is chance. */
#define RECLAIM_ROUNDS	10

/* Some pages more than whole page tables, at both ends. */
#define HEAD		(3 * SZ_4K)

/* Out of the way of all else. */
#define TABLES_GPA	(VM_RAM_GPA + 2 * SZ_1G)

static bool stop_reclaim;

/*
 * Delete the slot, whose pages the host has taken back: page tables that map nothing are
 * left, and go with it. flush_test.sh wants a flush of them.
 */
static void delete_emptied(struct vcpu *vcpu, uint64_t gpa, size_t bytes, void *mem)
{
	struct zap_counts before, after;

	vm_set_slot(vcpu->vm, 0, 0, gpa, bytes, mem);
	vcpu_read(vcpu, gpa, bytes);
	if (madvise(mem, bytes, MADV_DONTNEED))
		vm_die("madvise: %s", strerror(errno));
	zap_counts(vcpu->vm, &before);
	vm_delete_slot(vcpu->vm, 0);
	zap_counts(vcpu->vm, &after);
	zap_diff(&after, &before);
	ktap_equal("zap_sptes of what was taken back", after.zap_sptes, 0);
	/* Outside the TDP MMU those at the ends may go as well, and one above. */
	ktap_check(after.zap_tables >= (bytes - 2 * HEAD) / SZ_2M, "%lu of %zu page tables went",
		   after.zap_tables, (bytes - 2 * HEAD) / SZ_2M);
}

/* Delete the slot, which is fully mapped, and return the number of lock breaks. */
static uint64_t delete_memory(struct vcpu *vcpu, uint64_t gpa, size_t bytes, void *mem)
{
	struct zap_counts before, after;
	uint64_t with, without = zap_leafs(vcpu->vm);

	vm_set_slot(vcpu->vm, 0, 0, gpa, bytes, mem);
	vcpu_read(vcpu, gpa, bytes);
	with = zap_leafs(vcpu->vm);
	zap_counts(vcpu->vm, &before);
	vm_delete_slot(vcpu->vm, 0);
	zap_counts(vcpu->vm, &after);
	zap_diff(&after, &before);
	ktap_equal("memslot_zap_scoped", after.memslot_zap_scoped, 1);
	ktap_check(with - without >= bytes / SZ_4K, "%lu leaf SPTEs for %zu pages",
		   with - without, bytes / SZ_4K);
	/* Page tables of the guest's own come with the first round. */
	ktap_equal("leaf SPTEs left", with - bytes / SZ_4K - zap_leafs(vcpu->vm), 0);
	ktap_equal("zap_sptes", after.zap_sptes, bytes / SZ_4K);
	/* A page table that it paused at goes as a whole as well. */
	if (zap_mmu() == ZAP_MMU_TDP)
		ktap_equal("zap_tables", after.zap_tables, (bytes - 2 * HEAD) / SZ_2M);
	/* One of which nothing is mapped: flush_test.sh wants no flush of it. */
	vm_set_slot(vcpu->vm, 0, 0, gpa, bytes, mem);
	vm_delete_slot(vcpu->vm, 0);
	delete_emptied(vcpu, gpa, bytes, mem);
	return after.zap_yields;
}

/*
 * The same of a slot of guest page tables, which in shadow paging are shadowed with
 * all that they map: the memory of another slot.
 */
static uint64_t delete_tables(struct vcpu *vcpu, uint64_t gpa, size_t bytes, void *mem)
{
	size_t tables_bytes = (bytes / SZ_2M + 16) * SZ_4K;
	void *tables = vm_backing_alloc(tables_bytes, VM_4K);
	struct zap_counts before, after;
	uint64_t with, went;
	struct guest_pt *pt;

	vm_set_slot(vcpu->vm, 0, 0, gpa, bytes, mem);
	vm_set_slot(vcpu->vm, 1, 0, TABLES_GPA, tables_bytes, tables);
	pt = guest_pt_create(vcpu->vm, TABLES_GPA, tables, tables_bytes);
	guest_pt_map(pt, gpa, gpa, bytes, VM_4K);
	vcpu_load_pt(vcpu, pt);
	vcpu_read(vcpu, gpa, bytes);
	vcpu_load_pt(vcpu, vcpu->vm->pt);
	with = zap_leafs(vcpu->vm);
	zap_counts(vcpu->vm, &before);
	vm_delete_slot(vcpu->vm, 1);
	zap_counts(vcpu->vm, &after);
	zap_diff(&after, &before);
	went = with - zap_leafs(vcpu->vm);
	ktap_check(went >= bytes / SZ_4K, "%lu leaf SPTEs went, of %zu pages", went,
		   bytes / SZ_4K);
	ktap_equal("zap_sptes", after.zap_sptes, went);
	ktap_check(after.zap_tables >= bytes / SZ_2M, "%lu of %zu page tables went",
		   after.zap_tables, bytes / SZ_2M);
	vm_delete_slot(vcpu->vm, 0);
	guest_pt_free(pt);
	vm_backing_free(tables, tables_bytes);
	return after.zap_yields;
}

static void *reclaim(void *unused)
{
	(void)unused;
	if (setpriority(PRIO_PROCESS, gettid(), -20))
		vm_die("setpriority: %s", strerror(errno));
	while (!__atomic_load_n(&stop_reclaim, __ATOMIC_RELAXED))
		if (zap_write_file("/proc/sys/vm/drop_caches", "2", 1))
			vm_die("/proc/sys/vm/drop_caches cannot be written");
	return NULL;
}

/* The same while shadow pages go: how many go by whom cannot be told. */
static uint64_t delete_reclaimed(struct vcpu *vcpu, uint64_t gpa, size_t bytes, void *mem)
{
	struct guest_op op = { .op = GUEST_OP_READ, .start = gpa, .bytes = bytes, .stride = SZ_2M };
	struct zap_counts before, after;
	struct guest_result res;
	pthread_t thread;

	vm_set_slot(vcpu->vm, 0, 0, gpa, bytes, mem);
	vcpu_read(vcpu, gpa, bytes);
	stop_reclaim = false;
	if (pthread_create(&thread, NULL, reclaim, NULL))
		vm_die("pthread_create");
	zap_counts(vcpu->vm, &before);
	vm_delete_slot(vcpu->vm, 0);
	zap_counts(vcpu->vm, &after);
	zap_diff(&after, &before);
	__atomic_store_n(&stop_reclaim, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	vcpu_must(vcpu, &op, &res);
	ktap_equal("read by the guest from nowhere", res.mmio_reads, (bytes + SZ_2M - 1) / SZ_2M);
	return after.zap_yields;
}

/* By the kernel's own scoped zap, which the VM has asked for: how often that made way. */
static uint64_t delete_own(struct vcpu *vcpu, uint64_t gpa, size_t bytes, void *mem)
{
	struct zap_counts before, after;

	vm_set_slot(vcpu->vm, 0, 0, gpa, bytes, mem);
	vcpu_read(vcpu, gpa, bytes);
	zap_counts(vcpu->vm, &before);
	vm_delete_slot(vcpu->vm, 0);
	zap_counts(vcpu->vm, &after);
	zap_diff(&after, &before);
	ktap_equal("memslot_zap_scoped", after.memslot_zap_scoped, 1);
	return after.zap_yields;
}

typedef uint64_t round_fn(struct vcpu *vcpu, uint64_t gpa, size_t bytes, void *mem);

/* @rounds times, and until others were made way for @yields_min times. */
static void repeat(round_fn *round_of, unsigned int rounds, uint64_t yields_min, uint64_t gpa,
		   size_t bytes)
{
	struct vm *vm = vm_create(NULL);
	void *mem = vm_backing_alloc(bytes, VM_4K);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	unsigned int round;
	uint64_t yields = 0;

	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, (bytes / SZ_2M + 2) * SZ_2M, VM_2M);
	nap_start();
	for (round = 0; !ktap.bad && round < ROUNDS_MAX; round++) {
		if (round >= rounds && yields >= yields_min)
			break;
		yields += round_of(vcpu, gpa, bytes, mem);
	}
	nap_stop();
	ktap_diag("%u rounds, zap_yields %lu", round, yields);
	ktap_check(ktap.bad || yields >= yields_min, "zap_yields: %lu in %u rounds", yields, round);
	vm_destroy(vm);
	vm_backing_free(mem, bytes);
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 128) * SZ_1M;

	if (argc > 2 || bytes < SZ_2M)
		vm_die("usage: zap_breaks_test [MIB], at least 2, not '%s'", argv[1]);
	zap_start(4);
	zap_policy("scoped");
	repeat(delete_memory, 1, YIELDS_MIN, VM_RAM_GPA + SZ_2M - HEAD, bytes + 2 * HEAD);
	ktap_result("a large slot is deleted while others want the CPU");

	if (zap_mmu() == ZAP_MMU_TDP) {
		ktap_skip("KVM reclaims no page tables of the TDP MMU",
			  "the same while shadow pages are reclaimed");
	} else {
		repeat(delete_reclaimed, RECLAIM_ROUNDS, 0, VM_RAM_GPA + SZ_2M - HEAD,
		       bytes + 2 * HEAD);
		ktap_result("the same while shadow pages are reclaimed");
	}

	if (zap_mmu() == ZAP_MMU_SHADOW) {
		repeat(delete_tables, 1, YIELDS_MIN, VM_RAM_GPA, bytes);
		ktap_result("the same of many guest page tables");
	} else {
		ktap_skip("guest page tables are shadowed in shadow paging alone",
			  "the same of many guest page tables");
	}

	zap_policy("stock");
	if (vm_quirks() & KVM_X86_QUIRK_SLOT_ZAP_ALL) {
		vm_disable_quirks(KVM_X86_QUIRK_SLOT_ZAP_ALL);
		repeat(delete_own, 1, YIELDS_MIN, VM_RAM_GPA + SZ_2M - HEAD, bytes + 2 * HEAD);
		ktap_result("by the kernel's own scoped zap");
	} else {
		ktap_skip("this kernel has none", "by the kernel's own scoped zap");
	}
	return ktap_end();
}
