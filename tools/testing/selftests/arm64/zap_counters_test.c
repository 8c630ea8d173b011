// SPDX-License-Identifier: GPL-2.0-only
/*
 * What small, known workloads on arm64 add to zap/stats and to the VM's statistics, under
 * each policy.
 *
 * What breaks without it: numbers look exact and are wrong. Policy walk is KVM's own
 * code, so its numbers of TLB invalidations are what that code is expected to do;
 * tools/testing/selftests/arm64_cost_test.sh compares them with what the CPU did.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "ktap.h"
#include "zap.h"

#define PAGES	1024UL
#define BYTES	(PAGES * PAGE)
#define GIB	(1024UL * 1024 * 1024)

/* The PGD's, of a VM with addresses of 40 bits. */
#define PGD_PAGES	2

struct want {
	uint64_t sptes, tables;
	uint64_t chunks;	/* of KVM's that have anything mapped */
	uint64_t cmo_pages;
	uint64_t ones;		/* of these chunks, those that have one mapping */
};

static const char *policy;
static struct zap_row before;
static struct vm vm;
static uint64_t vm_before[5];

static const char * const vm_names[] = { "zap_sptes", "zap_tables", "zap_tlbis", "zap_cmo_pages",
					 "zap_collateral" };

/* In protected mode there is no choice. */
static const char *done(void)
{
	return zap_protected() ? "walk" : policy;
}

/* KVM looks at one chunk at least. */
static uint64_t tlbis(const struct want *want)
{
	uint64_t chunks = want->chunks ? want->chunks : 1;

	return zap_tlbis(done(), want->sptes, want->tables, chunks, want->chunks);
}

static void begin(const char *site)
{
	size_t i;

	zap_row(site, done(), &before);
	for (i = 0; i < 5; i++)
		vm_before[i] = zap_vm_stat(&vm, vm_names[i]);
}

/* One invalidation at @site since begin(), with these numbers; in the VM's statistics, too. */
static void end(const char *site, const struct want *want)
{
	const char *other = strcmp(done(), "bulk") ? "bulk" : "walk";
	struct zap_row now;
	uint64_t stats[5];
	char name[64];
	size_t i;

	zap_row_since(site, done(), &before, &now);
	ktap_equal("count", now.count, 1);
	ktap_equal("sptes", now.sptes, zap_seen(want->sptes));
	ktap_equal("tables", now.tables, zap_seen(want->tables));
	ktap_equal("tlbis", now.tlbis, zap_seen(tlbis(want)));
	ktap_equal("cmo_pages", now.cmo_pages, zap_seen(zap_cmo() ? want->cmo_pages : 0));
	ktap_equal("flushes", now.flushes,
		   zap_seen(zap_flushes(done(), want->chunks - want->ones)));
	ktap_equal("collateral", now.collateral, 0);
	ktap_equal("kept", now.kept, 0);
	ktap_check(now.total_ns && now.max_ns, "no time");

	for (i = 0; i < 5; i++)
		stats[i] = zap_vm_stat(&vm, vm_names[i]) - vm_before[i];
	ktap_equal("zap_sptes", stats[0], now.sptes);
	ktap_equal("zap_tables", stats[1], now.tables);
	ktap_equal("zap_tlbis", stats[2], now.tlbis);
	ktap_equal("zap_cmo_pages", stats[3], now.cmo_pages);
	ktap_equal("zap_collateral", stats[4], 0);
	snprintf(name, sizeof(name), "%s_zap_%s", site, done());
	ktap_check(zap_vm_stat(&vm, name) > 0, "%s is 0", name);
	snprintf(name, sizeof(name), "%s_zap_%s", site, other);
	ktap_equal(name, zap_vm_stat(&vm, name), 0);
}

static void touch(uint64_t from, uint64_t bytes)
{
	uint64_t at;

	vm_run(&vm, guest_write, from, from + bytes, &at);
	ktap_equal("where the guest left", at, VM_EXIT);
}

static void delete(unsigned int slot, uint64_t gpa, const struct want *want)
{
	begin("memslot");
	vm_slot(&vm, slot, gpa, NULL, 0);
	end("memslot", want);
}

static void small_pages(void *memory)
{
	struct want all = { PAGES, 3, 1, PAGES, 0 }, none = { 0 };

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	delete(1, VM_RAM, &none);
	ktap_result("%s: a memslot of which nothing is mapped", policy);

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	touch(VM_RAM, BYTES);
	delete(1, VM_RAM, &all);
	ktap_result("%s: a memslot of 4 KiB pages", policy);

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	touch(VM_RAM, BYTES);
	begin("memslot");
	vm_slot(&vm, 1, VM_RAM + BYTES, memory, BYTES);
	end("memslot", &all);
	delete(1, VM_RAM + BYTES, &none);
	ktap_result("%s: a memslot that moves", policy);
}

/* Two memslots have page tables in common. */
static void neighbours(void *memory)
{
	struct want first = { 1000, 1, 1, 1000, 0 }, second = { 24, 2, 1, 24, 0 };
	uint64_t border = VM_RAM + 1000 * PAGE;

	vm_slot(&vm, 1, VM_RAM, memory, 1000 * PAGE);
	vm_slot(&vm, 2, border, memory, 24 * PAGE);
	touch(VM_RAM, BYTES);
	delete(1, VM_RAM, &first);
	delete(2, border, &second);
	ktap_result("%s: memslots with a table in common", policy);
}

static void two_blocks(void *memory)
{
	struct want want = { 2, 1, 1, PAGES, 0 };

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	touch(VM_RAM, BYTES);
	delete(1, VM_RAM, &want);
	ktap_result("%s: a memslot of 2 MiB blocks", policy);
}

/* TLBs are not invalidated for all of the VM then. */
static void single(void *memory, void *huge)
{
	struct want page = { 1, 2, 1, 1, 1 }, beside = { 1, 0, 1, 1, 1 };
	struct want block = { 1, 1, 1, PAGES / 2, 1 };

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	touch(VM_RAM + BYTES / 2, PAGE);
	delete(1, VM_RAM, &page);
	ktap_result("%s: a memslot of which one page is mapped", policy);

	vm_slot(&vm, 1, VM_RAM, memory, PAGE);
	vm_slot(&vm, 2, VM_RAM + PAGE, memory, PAGE);
	touch(VM_RAM, 2 * PAGE);
	delete(1, VM_RAM, &beside);
	delete(2, VM_RAM + PAGE, &page);
	ktap_result("%s: memslots of one page each", policy);

	vm_slot(&vm, 1, VM_RAM, huge, BYTES);
	touch(VM_RAM, PAGE);
	delete(1, VM_RAM, &block);
	ktap_result("%s: a memslot of which one block is mapped", policy);
}

static void two_chunks(void *memory)
{
	struct want want = { 8, 4, 2, 8, 0 };
	uint64_t start = VM_RAM + GIB - 4 * PAGE;

	vm_slot(&vm, 1, start, memory, 8 * PAGE);
	touch(start, 8 * PAGE);
	delete(1, start, &want);
	ktap_result("%s: a memslot in two of KVM's chunks", policy);
}

/* The code's page and its two tables go as well. Where the CPU has FWB nothing does. */
static void reset_vcpu(void *memory)
{
	struct want want = { PAGES + 1, 5, 2, PAGES + 1, 1 };
	struct zap_row now;

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	touch(VM_RAM, BYTES);
	begin("reset");
	vm_reset(&vm);
	if (zap_cmo()) {
		end("reset", &want);
	} else {
		zap_row_since("reset", done(), &before, &now);
		ktap_equal("count", now.count, 0);
	}
	ktap_result("%s: a vCPU that is reset", policy);
}

static void teardown(void)
{
	struct zap_row now;

	touch(VM_RAM, BYTES);
	zap_row("teardown", done(), &before);
	vm_destroy(&vm);
	zap_row_since("teardown", done(), &before, &now);
	ktap_equal("count", now.count, 1);
	ktap_equal("sptes", now.sptes, zap_seen(PAGES + 1));
	ktap_equal("tables", now.tables, zap_seen(5 + PGD_PAGES));
	ktap_equal("tlbis", now.tlbis, 0);
	ktap_equal("cmo_pages", now.cmo_pages, 0);
	ktap_result("%s: a VM that goes away", policy);
}

int main(void)
{
	void *memory, *huge;
	int i;

	zap_need();
	memory = vm_alloc(BYTES);
	huge = vm_alloc_huge(BYTES);
	ktap_start(11 * ZAP_NR_POLICIES);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set_all(policy);
		vm_create(&vm);
		small_pages(memory);
		neighbours(memory);
		two_blocks(huge);
		single(memory, huge);
		two_chunks(memory);
		reset_vcpu(memory);
		teardown();
	}
	zap_set_all("walk");
	return ktap_end();
}
