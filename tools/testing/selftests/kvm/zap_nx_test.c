// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest executes from memory that is mapped by large pages, on a host where those must
 * not be executable (nx_huge_pages). KVM splits them, and keeps the page tables on a list
 * for a worker that recovers the large pages. The memslot goes, the worker runs, the
 * memslot comes back.
 *
 * Where the worker has never had anything to do, a deletion that drops nothing flushes no
 * TLBs, whoever holds mmu_lock meanwhile: with several CPUs, a vCPU that faults elsewhere.
 *
 * What breaks without it: on 6.12 and later, the worker looks up the memslot of each of
 * these page tables while some memslot logs dirty pages, and warns if it is gone. Or vCPUs are
 * kicked for nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

enum { CODE, LOGGED, FILLER };

#define LARGE_PAGES	2
#define CODE_BYTES	(LARGE_PAGES * SZ_2M)
#define CODE_GPA	(VM_RAM_GPA + SZ_2M)

/* The memslot begins before the large pages. */
#define LEAD_BYTES	(5 * SZ_4K)
#define MEM_BYTES	(SZ_2M + CODE_BYTES)

/* See zap_ways_test.c. */
static const char * const ways[] = { "few shadow pages", "many shadow pages" };

/* Where in each large page: not at its start, so that 4K pages are not alike. */
#define CODE_OFFSET	(3 * SZ_4K)

/* mov $VALUE, %eax; ret */
static void put_code(unsigned char *to, unsigned char value)
{
	const unsigned char code[] = { 0xb8, value, 0, 0, 0, 0xc3 };

	memcpy(to, code, sizeof(code));
}

static void expect_code(struct vcpu *vcpu, unsigned char value)
{
	struct guest_op op = { .op = GUEST_OP_CALL };
	struct guest_result result;
	unsigned int i;

	for (i = 0; i < LARGE_PAGES; i++) {
		/* A load first: that maps the large page. */
		op.start = CODE_GPA + i * SZ_2M + CODE_OFFSET;
		vcpu_read64(vcpu, op.start);
		vcpu_must(vcpu, &op, &result);
		ktap_equal("what the code returned", result.value, value + i);
	}
}

static void code_create(struct vm *vm, unsigned char *mem, unsigned char value)
{
	unsigned int i;

	for (i = 0; i < LARGE_PAGES; i++)
		put_code(mem + (i + 1) * SZ_2M + CODE_OFFSET, value + i);
	vm_set_slot(vm, CODE, 0, CODE_GPA - LEAD_BYTES, LEAD_BYTES + CODE_BYTES,
		    mem + SZ_2M - LEAD_BYTES);
}

/* Have an MMU notifier drop what is mapped: the page tables stay, and are empty. */
static void empty_tables(unsigned char *mem)
{
	if (mprotect(mem + SZ_2M, CODE_BYTES, PROT_NONE) ||
	    mprotect(mem + SZ_2M, CODE_BYTES, PROT_READ | PROT_WRITE))
		vm_die("mprotect: %s", strerror(errno));
}

static void worker_period(const char *ms)
{
	if (kvm_param_set(ZAP_MODULE, "nx_huge_pages_recovery_period_ms", ms))
		vm_die("nx_huge_pages_recovery_period_ms: '%s' is refused", ms);
}

static void test(const char *policy, unsigned int way, unsigned char *mem, void *logged)
{
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	void *filler = way ? zap_filler_create(vcpu, FILLER, ZAP_FILLER_BYTES) : NULL;
	unsigned int i;

	zap_policy(policy);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, MEM_BYTES, VM_2M);
	vm_set_slot(vm, LOGGED, KVM_MEM_LOG_DIRTY_PAGES, VM_ROM_GPA, SZ_64K, logged);
	for (i = 1; i <= 2; i++) {
		code_create(vm, mem, i * LARGE_PAGES);
		expect_code(vcpu, i * LARGE_PAGES);
		ktap_equal("large pages that were split", zap_stat(vm, "nx_lpage_splits"),
			   LARGE_PAGES);
		if (i == 2)
			empty_tables(mem);
		vm_delete_slot(vm, CODE);
		ktap_equal("split large pages that are left",
			   zap_stat(vm, "nx_lpage_splits"), 0);
		/* To change its period wakes the worker. */
		worker_period(i % 2 ? "10" : "20");
		usleep(100000);
		worker_period("0");
	}
	vm_destroy(vm);
	if (filler)
		zap_filler_free(filler, ZAP_FILLER_BYTES);
	ktap_result("%s, %s: a memslot with large pages that were split for NX", policy,
		    ways[way]);
}

/* Whether the host has large pages to give. */
static bool have_large(unsigned char *mem)
{
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	bool have;

	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, MEM_BYTES, VM_2M);
	code_create(vm, mem, 0);
	vcpu_read(vcpu, CODE_GPA, CODE_BYTES);
	have = zap_stat(vm, "pages_2m") >= LARGE_PAGES;
	vm_destroy(vm);
	return have;
}

#define ELSEWHERE_GPA	(VM_RAM_GPA + SZ_1G)
#define ELSEWHERE_BYTES	(16 * SZ_1M)

/* Delete an empty memslot over and over while the guest maps memory elsewhere, once. */
static void test_no_worker(void)
{
	struct guest_op op = { .op = GUEST_OP_READ, .start = ELSEWHERE_GPA,
			       .bytes = ELSEWHERE_BYTES };
	void *elsewhere = vm_backing_alloc(ELSEWHERE_BYTES, VM_4K);
	void *empty = vm_backing_alloc(SZ_64K, VM_4K);
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct zap_row before, after;
	unsigned int deleted = 0;
	uint64_t mapped;

	zap_policy("scoped");
	vm_set_slot(vm, FILLER, 0, ELSEWHERE_GPA, ELSEWHERE_BYTES, elsewhere);
	guest_pt_map(vm->pt, ELSEWHERE_GPA, ELSEWHERE_GPA, ELSEWHERE_BYTES, VM_2M);
	mapped = zap_leafs(vm);
	zap_row("memslot", "scoped", &before);
	vcpu_start(vcpu, &op);
	do {
		vm_set_slot(vm, CODE, 0, CODE_GPA, SZ_64K, empty);
		vm_delete_slot(vm, CODE);
		deleted++;
	} while (zap_leafs(vm) - mapped < ELSEWHERE_BYTES / SZ_4K);
	if (vcpu_wait(vcpu, NULL))
		vm_die("the guest did not get through");
	zap_row("memslot", "scoped", &after);
	ktap_diag("%u deletions", deleted);
	ktap_equal("deletions by scoped", after.count - before.count, deleted);
	ktap_equal("leaf SPTEs dropped", after.sptes - before.sptes, 0);
	ktap_equal("flushes", after.flushes - before.flushes, 0);
	vm_destroy(vm);
	vm_backing_free(empty, SZ_64K);
	vm_backing_free(elsewhere, ELSEWHERE_BYTES);
	ktap_result("no flush for a worker that has nothing to do");
}

int main(void)
{
	static const char * const policies[] = { ZAP_MEMSLOT_POLICIES };
	unsigned char *mem;
	void *logged;
	unsigned int i, way;

	if (vm_unusable())
		ktap_skip_all("%s", vm_unusable());
	mem = vm_backing_alloc(MEM_BYTES, VM_2M);
	logged = vm_backing_alloc(SZ_64K, VM_4K);
	if (!have_large(mem))
		ktap_skip_all("the host gives no huge pages");
	zap_start(ARRAY_SIZE(policies) * ARRAY_SIZE(ways) + 1);
	if (kvm_param_set(ZAP_MODULE, "nx_huge_pages", "off"))
		vm_die("nx_huge_pages cannot be set");
	if (zap_mmu() == ZAP_MMU_TDP)
		test_no_worker();
	else
		ktap_skip("the worker runs beside a deletion in the TDP MMU alone",
			  "no flush for a worker that has nothing to do");
	if (kvm_param_set(ZAP_MODULE, "nx_huge_pages", "force") ||
	    kvm_param_set(ZAP_MODULE, "nx_huge_pages_recovery_ratio", "1"))
		vm_die("nx_huge_pages cannot be set");
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		for (way = 0; way < ARRAY_SIZE(ways); way++)
			test(policies[i], way, mem, logged);
	vm_backing_free(logged, SZ_64K);
	vm_backing_free(mem, MEM_BYTES);
	return ktap_end();
}
