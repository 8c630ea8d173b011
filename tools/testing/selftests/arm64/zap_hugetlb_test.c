// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of hugetlbfs on arm64, by each policy: memslots that go, memory that is unmapped, and
 * holes in a file, which the host unmaps from the VM without a lock on its address space.
 *
 * What breaks without it: guests with huge pages lose memory, or keep memory that has gone
 * back to the pool, or pages of a file are not cleaned.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define HUGE_PAGES	4UL
#define BYTES	(HUGE_PAGES * HUGE_PAGE)
#define PAGES	(BYTES / PAGE)

static const char *policy;
static struct vm vm;
static struct zap_row before;
static int file;

static void begin(const char *site)
{
	zap_row(site, zap_done(policy), &before);
}

/* @blocks have gone, and, if @table, the table that they were in. */
static void end(const char *site, uint64_t blocks, bool table)
{
	struct zap_row now;

	zap_row_since(site, zap_done(policy), &before, &now);
	ktap_equal("sptes", now.sptes, zap_seen(blocks));
	ktap_equal("tables", now.tables, zap_seen(table));
	ktap_equal("tlbis", now.tlbis,
		   zap_seen(zap_tlbis(zap_done(policy), blocks, table, 1, 1)));
	ktap_equal("flushes", now.flushes, zap_seen(zap_flushes(zap_done(policy), blocks > 1)));
	ktap_equal("cmo_pages", now.cmo_pages,
		   zap_seen(zap_cmo() ? blocks * HUGE_PAGE / PAGE : 0));
	ktap_equal("elided", now.elided, 0);
}

static char *map(void)
{
	return mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

static void writes(void)
{
	uint64_t at;

	vm_run(&vm, guest_write, VM_RAM, VM_RAM + BYTES, &at);
	ktap_equal("where the guest left", at, VM_EXIT);
}

/* Pages of @memory, but for @skip, that lack what the guest wrote. */
static void has(const char *memory, uint64_t skip)
{
	uint64_t i, value, want, bad = 0;

	for (i = 0; i < PAGES; i++) {
		memcpy(&value, memory + i * PAGE, sizeof(value));
		want = i * PAGE / HUGE_PAGE == skip ? 0 : VM_RAM + i * PAGE;
		bad += value != want;
	}
	ktap_equal("pages that lack what they have to have", bad, 0);
}

static void rounds(void)
{
	char *memory = map(), *view = map();

	vm_create(&vm);
	if (strcmp(policy, "elide")) {
		vm_slot(&vm, 1, VM_RAM, memory, BYTES);
		writes();
		begin("memslot");
		vm_slot(&vm, 1, 0, NULL, 0);
		end("memslot", HUGE_PAGES, true);
		has(view, HUGE_PAGES);
		ktap_result("%s: a memslot", policy);
	}

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	writes();
	begin("unmap");
	fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HUGE_PAGE, HUGE_PAGE);
	end("unmap", 1, false);
	has(view, 1);
	writes();
	has(view, HUGE_PAGES);
	ktap_result("%s: a hole in a file", policy);

	begin("unmap");
	munmap(memory, BYTES);
	end("unmap", HUGE_PAGES, true);
	has(view, HUGE_PAGES);
	vm_destroy(&vm);
	munmap(view, BYTES);
	ktap_result("%s: munmap()", policy);
}

int main(void)
{
	int i;

	zap_need();
	zap_write("/proc/sys/vm/nr_hugepages", "8");
	file = memfd_create("zap_hugetlb_test", MFD_CLOEXEC | MFD_HUGETLB);
	if (file < 0 || ftruncate(file, BYTES) || map() == MAP_FAILED)
		ktap_skip_all("no memory of hugetlbfs to be had");
	ktap_start(3 * ZAP_NR_UNMAP_POLICIES - zap_may_elide());
	for (i = 0; i < ZAP_NR_UNMAP_POLICIES; i++) {
		policy = zap_policies[i];
		if (i < ZAP_NR_POLICIES)
			zap_set_all(policy);
		else
			zap_set("unmap", policy);
		rounds();
	}
	zap_set_all("walk");
	return ktap_end();
}
