// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging on arm64 while mappings are dropped, by each policy: of small and of huge
 * pages, by deleting the memslot and by unmapping its memory.
 *
 * What breaks without it: the log lacks a page that the guest has written to, and a migrated
 * guest has an old one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "ktap.h"
#include "zap.h"

#define TABLE	512UL
#define PAGES	(2 * TABLE)
#define BYTES	(PAGES * PAGE)

static const char *policy;
static struct vm vm;

static void log_slot(void *memory, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.flags = flags,
		.guest_phys_addr = VM_RAM,
		.memory_size = BYTES,
		.userspace_addr = (uintptr_t)memory,
	};

	if (ioctl(vm.fd, KVM_SET_USER_MEMORY_REGION, &region)) {
		perror("# KVM_SET_USER_MEMORY_REGION");
		exit(1);
	}
}

/* The log has the pages from @first to @end, and no others; it is empty afterwards. */
static void logged(const char *what, uint64_t first, uint64_t end)
{
	static uint8_t bits[PAGES / 8];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };
	uint64_t i, missing = 0, more = 0;

	memset(bits, 0, sizeof(bits));
	if (ioctl(vm.fd, KVM_GET_DIRTY_LOG, &log)) {
		perror("# KVM_GET_DIRTY_LOG");
		exit(1);
	}
	for (i = 0; i < PAGES; i++) {
		bool is = bits[i / 8] & (1 << i % 8), should = i >= first && i < end;

		missing += should && !is;
		more += is && !should;
	}
	ktap_check(!missing, "%s: %lu pages are missing", what, missing);
	ktap_check(!more, "%s: %lu pages too many", what, more);
}

static void writes(uint64_t first, uint64_t end)
{
	uint64_t at;

	vm_run(&vm, guest_write, VM_RAM + first * PAGE, VM_RAM + end * PAGE, &at);
	ktap_equal("where the guest left", at, VM_EXIT);
}

/* Each page has what the guest wrote, its own address. */
static void has(const char *memory, uint64_t first, uint64_t end)
{
	uint64_t i, value, bad = 0;

	for (i = first; i < end; i++) {
		memcpy(&value, memory + i * PAGE, sizeof(value));
		bad += value != VM_RAM + i * PAGE;
	}
	ktap_equal("pages that lack what the guest wrote", bad, 0);
}

static void one_row(const char *site, const struct zap_row *before, uint64_t sptes)
{
	struct zap_row now;

	zap_row_since(site, zap_done(policy), before, &now);
	ktap_equal("invalidations", now.count, 1);
	ktap_equal("sptes", now.sptes, zap_seen(sptes));
}

/* Mappings of huge pages become small ones when they are written to, as long as there is a log. */
static void logs(char *memory, const char *what)
{
	struct zap_row before;

	vm_create(&vm);
	log_slot(memory, 0);
	writes(0, PAGES);
	log_slot(memory, KVM_MEM_LOG_DIRTY_PAGES);
	logged("before", 0, 0);
	writes(100, 700);
	logged("after writes", 100, 700);
	logged("nothing since", 0, 0);

	/* What the log knows stays known when the mappings go, and is logged anew. */
	writes(300, 400);
	mprotect(memory, BYTES, PROT_READ);
	mprotect(memory, BYTES, PROT_READ | PROT_WRITE);
	logged("before the mappings went", 300, 400);
	writes(0, 600);
	logged("after the mappings went", 0, 600);

	/* By small pages: all that the guest has written to since. */
	writes(0, PAGES);
	zap_row("unmap", zap_done(policy), &before);
	madvise(memory, BYTES, MADV_DONTNEED);
	one_row("unmap", &before, PAGES);
	logged("before the memory went", 0, PAGES);
	writes(TABLE, PAGES);
	logged("of new memory", TABLE, PAGES);
	has(memory, TABLE, PAGES);

	writes(0, PAGES);
	zap_row("memslot", zap_done(policy), &before);
	vm_slot(&vm, 1, 0, NULL, 0);
	one_row("memslot", &before, PAGES);
	has(memory, 0, PAGES);
	log_slot(memory, KVM_MEM_LOG_DIRTY_PAGES);
	logged("of a new memslot", 0, 0);
	writes(7, 9);
	logged("of a new memslot after writes", 7, 9);
	vm_destroy(&vm);
	ktap_result("%s: %s", policy, what);
}

int main(void)
{
	int i;

	zap_need();
	ktap_start(2 * ZAP_NR_POLICIES);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set_all(policy);
		logs(vm_alloc(BYTES), "a log of small pages");
		logs(vm_alloc_huge(BYTES), "a log of huge pages");
	}
	zap_set_all("walk");
	return ktap_end();
}
