// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several invalidations of one VM on arm64 at the same time. A memslot is deleted while a
 * vCPU is reset and MMU notifiers unmap the memory. The sites use different policies, and
 * each invalidation spans several of KVM's chunks, so mmu_lock is released in between.
 * Meanwhile, other MMU notifiers unmap ranges that are too small to be invalidations.
 *
 * What breaks without it: an invalidation continues with the policy of another task and
 * is counted there, or the list of invalidations is damaged. Needs two CPUs.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define GIB	(1024UL * 1024 * 1024)
#define SIZE	(3 * GIB)
#define ROUNDS	300

/* The vCPU touches pages of each chunk, in two memslots. */
#define STAYS	VM_RAM
#define GOES	(VM_RAM + SIZE)
#define PAGES	40UL

static struct vm vm;
static char *stays, *goes;
static atomic_bool stop;
static uint64_t resets, unmaps;

static void *reserve(void)
{
	void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		ktap_skip_all("no 3 GiB of address space");
	madvise(p, SIZE, MADV_NOHUGEPAGE);
	return p;
}

static void touch(uint64_t base)
{
	uint64_t gpa;

	/* Where there is no memslot the guest leaves at once. */
	for (gpa = base; gpa < base + SIZE; gpa += GIB)
		vm_run(&vm, guest_write, gpa, gpa + PAGES * PAGE, NULL);
}

static void *reset(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		touch(STAYS);
		touch(GOES);
		vm_reset(&vm);
		resets++;
	}
	return NULL;
}

static void *forget(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		madvise(stays + GIB, PAGES * PAGE, MADV_DONTNEED);
		madvise(goes + GIB, PAGES * PAGE, MADV_DONTNEED);
		usleep(100);
		madvise(stays, SIZE, MADV_DONTNEED);
		unmaps++;
		usleep(100);
	}
	return NULL;
}

/* What is so of all that a policy does, whatever it finds. */
static void holds(const char *site, const char *policy, uint64_t count)
{
	struct zap_row row;

	zap_row(site, policy, &row);
	ktap_equal("count", row.count, count);
	if (policy == zap_policies[0])
		ktap_equal("TLB invalidations of walk", row.tlbis,
			   zap_tlbis(policy, row.sptes, row.tables, count * (SIZE / GIB), 0));
	else
		ktap_check(row.tlbis <= 8 * count, "%lu TLB invalidations of bulk", row.tlbis);
	ktap_equal("pages cleaned", row.cmo_pages, zap_cmo() ? row.sptes : 0);
	ktap_check(!count || row.sptes, "%s %s: nothing was dropped", site, policy);
	ktap_diag("%s %s: %lu, sptes %lu, tables %lu, tlbis %lu, yields %lu", site, policy,
		  row.count, row.sptes, row.tables, row.tlbis, row.yields);
}

static void side_by_side(int of_memslot, int of_reset, int of_unmap)
{
	pthread_t resetter, forgetter;
	int i;

	zap_set("memslot", zap_policies[of_memslot]);
	zap_set("reset", zap_policies[of_reset]);
	zap_set("unmap", zap_policies[of_unmap]);
	zap_write(ZAP_DEBUGFS "zap/reset", "1");
	atomic_store(&stop, false);
	resets = 0;
	unmaps = 0;
	vm_create(&vm);
	vm_slot(&vm, 1, STAYS, stays, SIZE);
	vm_slot(&vm, 2, GOES, goes, SIZE);
	touch(GOES);
	pthread_create(&resetter, NULL, reset, NULL);
	pthread_create(&forgetter, NULL, forget, NULL);
	for (i = 0; i < ROUNDS; i++) {
		vm_slot(&vm, 2, 0, NULL, 0);
		vm_slot(&vm, 2, GOES, goes, SIZE);
		usleep(i * 10);
	}
	atomic_store(&stop, true);
	pthread_join(resetter, NULL);
	pthread_join(forgetter, NULL);

	holds("memslot", zap_policies[of_memslot], ROUNDS);
	holds("memslot", zap_policies[!of_memslot], 0);
	holds("reset", zap_policies[of_reset], zap_cmo() ? resets : 0);
	holds("reset", zap_policies[!of_reset], 0);
	holds("unmap", zap_policies[of_unmap], unmaps);
	holds("unmap", zap_policies[!of_unmap], 0);
	vm_destroy(&vm);
	ktap_result("memslots by %s beside resets by %s and notifiers by %s",
		    zap_policies[of_memslot], zap_policies[of_reset], zap_policies[of_unmap]);
}

int main(void)
{
	zap_need();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ktap_skip_all("one CPU: nothing runs meanwhile");
	stays = reserve();
	goes = reserve();
	ktap_start(4);
	side_by_side(1, 0, 0);
	side_by_side(0, 1, 0);
	side_by_side(0, 0, 1);
	side_by_side(1, 1, 1);
	zap_set_all("walk");
	return ktap_end();
}
