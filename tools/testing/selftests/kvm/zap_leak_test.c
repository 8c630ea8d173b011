// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that were dropped are freed: after many of them, the host has as much
 * memory as before, and counts none in use.
 *
 * What breaks without it: each deletion, or each VM that goes, takes some of the host's
 * memory for good, and nothing shows who uses it.
 *
 * The amounts that are compared are much larger than what else changes meanwhile: each
 * case makes so many page tables that a fourth of them would be noticed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

/* Page tables, in each case. */
#define TURNOVER	(48 * SZ_1M)

/* One page in each 2M is touched: a page table of KVM's each. */
#define BYTES		SZ_1G
#define TABLES		(BYTES / SZ_2M)

/* Guest page tables in the slot that goes: the window's, which maps a page each. */
#define WINDOW_GVA	0x700000000UL
#define WINDOW_TABLES	128
#define TABLES_GPA	0x90000000UL
#define TABLES_BYTES	((WINDOW_TABLES + 1) * SZ_4K)

#define SETTLE_US	300000	/* RCU frees, vmstat adds up */

static void *memory;

static uint64_t memory_bytes(const char *name)
{
	char buf[4096], *at;

	if (zap_read_file("/proc/meminfo", buf, sizeof(buf)) < 0)
		vm_die("/proc/meminfo cannot be read");
	at = strstr(buf, name);
	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static struct vm *make_vm(unsigned long guest_page)
{
	struct vm_opts opts = { .guest_page = guest_page };
	struct vm *vm = vm_create(&opts);

	vcpu_create(vm, 0);
	return vm;
}

static void touch(struct vm *vm, uint64_t gva, uint64_t tables)
{
	struct guest_op op = {
		.op = GUEST_OP_READ, .start = gva, .bytes = tables * SZ_2M, .stride = SZ_2M,
	};

	vcpu_must(vm->vcpus, &op, NULL);
}

/* A slot, deleted and made again; returns the page tables that KVM made. */
static uint64_t cycle_slot(struct vm *vm)
{
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, BYTES, memory);
	touch(vm, VM_RAM_GPA, TABLES);
	vm_delete_slot(vm, 0);
	return TABLES;
}

static uint64_t cycle_vm(struct vm *unused)
{
	struct vm *vm = make_vm(VM_2M);

	(void)unused;
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, BYTES, 0);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, BYTES, memory);
	touch(vm, VM_RAM_GPA, TABLES);
	vm_destroy(vm);
	return TABLES;
}

/* Shadow pages of guest page tables; without shadow paging there are none. */
static uint64_t cycle_tables(struct vm *vm)
{
	static void *tables;

	if (!tables) {
		tables = vm_backing_alloc(TABLES_BYTES, VM_4K);
		guest_pt_arena(vm->pt, TABLES_GPA, tables, TABLES_BYTES);
		guest_pt_map(vm->pt, WINDOW_GVA, VM_RAM_GPA, WINDOW_TABLES * SZ_2M, VM_4K);
		vm_set_slot(vm, 0, 0, VM_RAM_GPA, BYTES, memory);
	}
	vm_set_slot(vm, 1, 0, TABLES_GPA, TABLES_BYTES, tables);
	touch(vm, WINDOW_GVA, WINDOW_TABLES);
	vm_delete_slot(vm, 1);
	return WINDOW_TABLES;
}

static void test(const char *name, uint64_t (*cycle)(struct vm *vm), struct vm *vm)
{
	uint64_t available, counted, made = 0, n;

	/* What is allocated once, is by now. */
	for (n = 0; n < 3; n++)
		cycle(vm);
	usleep(SETTLE_US);
	available = memory_bytes("MemAvailable:");
	counted = memory_bytes("SecPageTables:");
	for (n = 0; made * SZ_4K < TURNOVER; n++)
		made += cycle(vm);
	usleep(SETTLE_US);
	available -= memory_bytes("MemAvailable:");
	counted = memory_bytes("SecPageTables:") - counted;
	ktap_diag("%s: KiB of page tables: %lu; less memory available: %ld; more counted: %ld",
		  name, made * SZ_4K / 1024, (long)available / 1024, (long)counted / 1024);
	ktap_check((long)available < (long)(TURNOVER / 4), "memory is missing");
	ktap_check((long)counted < (long)(TURNOVER / 4), "page tables are still counted");
	ktap_result("%s", name);
}

int main(void)
{
	static const char * const slots[] = { ZAP_MEMSLOT_POLICIES };
	static const char * const vms[] = { ZAP_TEARDOWN_POLICIES };
	char name[64];
	unsigned int i;
	struct vm *vm;

	zap_start(ARRAY_SIZE(slots) + ARRAY_SIZE(vms) + 1);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || madvise(memory, BYTES, MADV_NOHUGEPAGE))
		vm_die("mmap or madvise: %s", strerror(errno));

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		vm = make_vm(VM_2M);
		guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, BYTES, 0);
		zap_policy(slots[i]);
		snprintf(name, sizeof(name), "%s: a slot is deleted", slots[i]);
		test(name, cycle_slot, vm);
		vm_destroy(vm);
	}
	for (i = 0; i < ARRAY_SIZE(vms); i++) {
		zap_site_policy("teardown", vms[i]);
		snprintf(name, sizeof(name), "%s: a VM goes", vms[i]);
		test(name, cycle_vm, NULL);
	}
	vm = make_vm(VM_4K);
	zap_policy("scoped");
	if (zap_mmu() == ZAP_MMU_SHADOW)
		test("scoped: a slot of guest page tables is deleted", cycle_tables, vm);
	else
		ktap_skip("KVM shadows no page tables here",
			  "scoped: a slot of guest page tables is deleted");
	vm_destroy(vm);
	return ktap_end();
}
