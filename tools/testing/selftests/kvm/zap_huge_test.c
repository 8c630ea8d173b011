// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memslot that is mapped by one large page of 1 GiB is deleted, between neighbours that
 * are mapped by smaller pages. The memslot goes, the neighbours stay, and the guest finds
 * what takes the memslot's place. Outside of the TDP MMU, policy scoped finds mappings in
 * two ways, see zap_ways_test.c; for a memslot of that size, it takes many page tables to
 * make it choose the way from the memslot.
 *
 * What breaks without it: in large guests, large pages stay mapped after they have been
 * given to somebody else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ktap.h"
#include "zap_lib.h"

enum { BELOW, LARGE, ABOVE, FILLER };

#define LARGE_GPA	VM_RAM_GPA
#define BESIDE_BYTES	SZ_64K
#define BELOW_GPA	(LARGE_GPA - BESIDE_BYTES)
#define ABOVE_GPA	(LARGE_GPA + SZ_1G)

/* One in 2M of this: 33,792. An rmap of each of 2^18 pages is as much work as 2^15. */
#define FILLER_BYTES	(66 * SZ_1G)

#define NR_PAGES	"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

static const char * const ways[] = { "few shadow pages", "many shadow pages" };

/* NULL if the host has none to give. */
static void *alloc_1g(void)
{
	void *mem = mmap(NULL, SZ_1G, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	memset(mem, 0, SZ_4K);
	return mem;
}

static void test(const char *policy, unsigned int way, void *large)
{
	bool scoped = !strcmp(policy, "scoped");
	void *beside = vm_backing_alloc(2 * BESIDE_BYTES, VM_4K);
	void *after = vm_backing_alloc(SZ_64K, VM_4K);
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct zap_counts counts, before;
	void *filler = NULL;
	uint64_t faults;

	zap_policy(policy);
	guest_pt_map(vm->pt, BELOW_GPA, BELOW_GPA, BESIDE_BYTES, VM_4K);
	guest_pt_map(vm->pt, LARGE_GPA, LARGE_GPA, SZ_1G, VM_2M);
	guest_pt_map(vm->pt, ABOVE_GPA, ABOVE_GPA, BESIDE_BYTES, VM_4K);
	vm_set_slot(vm, BELOW, 0, BELOW_GPA, BESIDE_BYTES, beside);
	vm_set_slot(vm, LARGE, 0, LARGE_GPA, SZ_1G, large);
	vm_set_slot(vm, ABOVE, 0, ABOVE_GPA, BESIDE_BYTES, beside + BESIDE_BYTES);
	vcpu_stamp(vcpu, BELOW_GPA, BESIDE_BYTES, 1);
	vcpu_stamp(vcpu, ABOVE_GPA, BESIDE_BYTES, 1);
	vcpu_stamp(vcpu, LARGE_GPA, SZ_64K, 2);
	vcpu_stamp(vcpu, LARGE_GPA + SZ_1G - SZ_64K, SZ_64K, 2);
	/* Faults the library's own pages in as well. */
	vcpu_check(vcpu, BELOW_GPA, BESIDE_BYTES, 1);
	ktap_equal("pages_1g", zap_stat(vm, "pages_1g"), 1);
	if (way)
		filler = zap_filler_create(vcpu, FILLER, FILLER_BYTES);

	zap_counts(vm, &before);
	vm_delete_slot(vm, LARGE);
	zap_counts(vm, &counts);
	zap_diff(&counts, &before);
	ktap_equal("pages_1g afterwards", zap_stat(vm, "pages_1g"), 0);
	if (scoped) {
		ktap_equal("zap_sptes", counts.zap_sptes, 1);
		faults = zap_vcpus_stat(vm, "pf_taken");
		vcpu_check(vcpu, BELOW_GPA, BESIDE_BYTES, 1);
		vcpu_check(vcpu, ABOVE_GPA, BESIDE_BYTES, 1);
		ktap_equal("page faults beside", zap_vcpus_stat(vm, "pf_taken") - faults, 0);
	}
	ktap_equal("read by the guest from nowhere", vcpu_read64(vcpu, LARGE_GPA), vm->mmio_value);
	vm_set_slot(vm, LARGE, 0, LARGE_GPA + SZ_1G - SZ_64K, SZ_64K, after);
	ktap_equal("read by the guest from what took its place",
		   vcpu_read64(vcpu, LARGE_GPA + SZ_1G - SZ_4K), 0);

	vm_destroy(vm);
	if (filler)
		zap_filler_free(filler, FILLER_BYTES);
	vm_backing_free(after, SZ_64K);
	vm_backing_free(beside, 2 * BESIDE_BYTES);
	ktap_result("%s, %s: a page of 1 GiB", policy, ways[way]);
}

int main(void)
{
	static const char * const policies[] = { ZAP_MEMSLOT_POLICIES };
	unsigned int i, nr_ways = zap_mmu() == ZAP_MMU_LEGACY ? 2 : 1, way;
	char old[32], more[32];
	void *large;

	if (vm_unusable())
		ktap_skip_all("%s", vm_unusable());
	if (zap_mmu() == ZAP_MMU_SHADOW)
		ktap_skip_all("shadow paging maps no more at a time than the guest does");
	/* In the lab's own memory, or what an administrator has set aside. */
	large = alloc_1g();
	if (!large && zap_read_file(NR_PAGES, old, sizeof(old)) > 0) {
		snprintf(more, sizeof(more), "%lu", strtoul(old, NULL, 10) + 1);
		zap_write_file(NR_PAGES, more, strlen(more));
		large = alloc_1g();
		/* One that is in use goes when it is unmapped. */
		zap_write_file(NR_PAGES, old, strlen(old));
	}
	if (!large)
		ktap_skip_all("the host gives no page of 1 GiB");
	zap_start(ARRAY_SIZE(policies) * nr_ways);
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		for (way = 0; way < nr_ways; way++)
			test(policies[i], way, large);
	munmap(large, SZ_1G);
	return ktap_end();
}
