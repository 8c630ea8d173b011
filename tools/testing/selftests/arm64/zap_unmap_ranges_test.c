// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which ranges are invalidations when the host unmaps them from a VM on arm64, and what
 * each of them counts. The guest must lose these pages and no others.
 *
 * What breaks without it: each page that the host swaps out pays for being counted, or an
 * operator does not see what balloons take, or sees wrong numbers.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "ktap.h"
#include "zap.h"

#define TABLE	512UL			/* pages of a level 3 table */
#define PAGES	(2 * TABLE)
#define BYTES	(PAGES * PAGE)
#define GIB	(1024UL * 1024 * 1024)

struct want {
	uint64_t count, sptes, tables;
	uint64_t chunks;	/* of KVM's that have anything mapped */
	uint64_t cmo_pages;
};

static const char *policy;
static struct zap_row before;
static uint64_t vm_before;
static struct vm vm;

static const char *counter(void)
{
	static char name[64];

	snprintf(name, sizeof(name), "unmap_zap_%s", zap_done(policy));
	return name;
}

static void begin(void)
{
	zap_row("unmap", zap_done(policy), &before);
	vm_before = zap_vm_stat(&vm, counter());
}

static void end(const struct want *want)
{
	/* Each invalidation looks at one chunk at least. */
	uint64_t chunks = want->chunks > want->count ? want->chunks : want->count;
	struct zap_row now;

	zap_row_since("unmap", zap_done(policy), &before, &now);
	ktap_equal("count", now.count, want->count);
	ktap_equal("sptes", now.sptes, zap_seen(want->sptes));
	ktap_equal("tables", now.tables, zap_seen(want->tables));
	ktap_equal("tlbis", now.tlbis,
		   zap_seen(zap_tlbis(zap_done(policy), want->sptes, want->tables, chunks,
				      want->chunks)));
	ktap_equal("flushes", now.flushes, zap_seen(zap_flushes(zap_done(policy), want->chunks)));
	ktap_equal("cmo_pages", now.cmo_pages, zap_seen(zap_cmo() ? want->cmo_pages : 0));
	ktap_equal("collateral", now.collateral, 0);
	ktap_equal("kept", now.kept, 0);
	ktap_equal(counter(), zap_vm_stat(&vm, counter()) - vm_before, want->count);
}

static void touch(uint64_t from, uint64_t bytes)
{
	uint64_t at;

	vm_run(&vm, guest_write, from, from + bytes, &at);
	ktap_equal("where the guest left", at, VM_EXIT);
}

/* The guest reads what it wrote, but for the @pages from @first on: these are new. */
static void has_lost(uint64_t first, uint64_t pages)
{
	uint64_t i, sum = 0, at;

	for (i = 0; i < PAGES; i++)
		sum += i < first || i >= first + pages ? VM_RAM + i * PAGE : 0;
	ktap_equal("sum", vm_run(&vm, guest_sum, VM_RAM, VM_RAM + BYTES, &at), sum);
	ktap_equal("where the guest left", at, VM_EXIT);
}

static void forget(char *memory, uint64_t first, uint64_t pages, const struct want *want)
{
	touch(VM_RAM, BYTES);
	begin();
	madvise(memory + first * PAGE, pages * PAGE, MADV_DONTNEED);
	end(want);
	has_lost(first, pages);
}

static void small_pages(char *memory)
{
	static const struct {
		uint64_t first, pages, tables;
	} large[] = {
		{ 0, PAGES, 3 }, { 0, TABLE, 1 }, { TABLE, TABLE, 1 }, { 1, PAGES - 1, 1 },
		{ 0, PAGES - 1, 1 }, { TABLE - 1, TABLE + 1, 1 },
	}, small[] = {
		{ 0, 1, 0 }, { TABLE, 1, 0 }, { 0, TABLE - 1, 0 }, { 1, TABLE - 1, 0 },
		{ 1, TABLE, 0 }, { 300, TABLE, 0 }, { 1, PAGES - 2, 0 },
	};
	struct want want = { 0 };
	size_t i;

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	for (i = 0; i < sizeof(small) / sizeof(*small); i++)
		forget(memory, small[i].first, small[i].pages, &want);
	ktap_result("%s: ranges without a whole table are not counted", policy);

	for (i = 0; i < sizeof(large) / sizeof(*large); i++) {
		want = (struct want){ 1, large[i].pages, large[i].tables, 1, large[i].pages };
		forget(memory, large[i].first, large[i].pages, &want);
	}
	ktap_result("%s: ranges with a whole table are", policy);

	/* Nothing is mapped any more, or never was. */
	madvise(memory, BYTES, MADV_DONTNEED);
	begin();
	madvise(memory, BYTES, MADV_DONTNEED);
	end(&(struct want){ 1, 0, 0, 0, 0 });
	vm_slot(&vm, 1, 0, NULL, 0);
	begin();
	madvise(memory, BYTES, MADV_DONTNEED);
	end(&(struct want){ 0 });
	ktap_result("%s: a range of which nothing is mapped, and one of no memslot", policy);
}

/* What the host changes the protection of remains, but the guest has to ask for it again. */
static void protect(char *memory)
{
	struct want want = { 1, PAGES, 3, 1, PAGES };
	bool traced;

	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	touch(VM_RAM, BYTES);
	traced = zap_trace_begin();
	begin();
	mprotect(memory, BYTES, PROT_READ);
	end(&want);
	has_lost(0, 0);
	begin();
	mprotect(memory, BYTES, PROT_READ | PROT_WRITE);
	end(&want);
	if (traced) {
		ktap_equal("reason", zap_trace_lines(" reason=protection_vma"), 2);
		zap_trace_end();
	}
	has_lost(0, 0);
	vm_slot(&vm, 1, 0, NULL, 0);
	ktap_result("%s: mprotect()", policy);
}

/* Huge pages are had for memory that is new. */
static void blocks(void)
{
	char *memory = vm_alloc_huge(BYTES);

	/*
	 * One page of a block: a small range, for which KVM drops the block. Then the host
	 * splits the huge page, which is a large one.
	 */
	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	forget(memory, 5, 1, &(struct want){ 1, 0, 0, 0, 0 });
	vm_slot(&vm, 1, 0, NULL, 0);

	memory = vm_alloc_huge(BYTES);
	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	forget(memory, 0, PAGES, &(struct want){ 1, 2, 1, 1, PAGES });
	ktap_result("%s: by 2 MiB each", policy);
	vm_slot(&vm, 1, 0, NULL, 0);
}

/* One event, an invalidation for each memslot; and one in two of KVM's chunks. */
static void several(char *memory)
{
	uint64_t border = VM_RAM + GIB - TABLE * PAGE;

	vm_slot(&vm, 1, VM_RAM, memory, BYTES / 2);
	vm_slot(&vm, 2, VM_RAM + 2 * GIB, memory + BYTES / 2, BYTES / 2);
	touch(VM_RAM, BYTES / 2);
	touch(VM_RAM + 2 * GIB, BYTES / 2);
	begin();
	madvise(memory, BYTES, MADV_DONTNEED);
	end(&(struct want){ 2, PAGES, 4, 2, PAGES });
	vm_slot(&vm, 1, 0, NULL, 0);
	vm_slot(&vm, 2, 0, NULL, 0);
	ktap_result("%s: a range in two memslots", policy);

	vm_slot(&vm, 1, border, memory, BYTES);
	touch(border, BYTES);
	begin();
	madvise(memory, BYTES, MADV_DONTNEED);
	end(&(struct want){ 1, PAGES, 4, 2, PAGES });
	vm_slot(&vm, 1, 0, NULL, 0);
	ktap_result("%s: a range in two of KVM's chunks", policy);
}

/* What an operator sees of it in vms and in the tracepoint. */
static void seen(char *memory)
{
	const char *by = zap_protected() ? "type" : strcmp(policy, "bulk") ? "kernel" : "param";
	char buf[32], want[160];

	vm_destroy(&vm);
	vm_create(&vm);
	zap_vms("age_ms", buf, sizeof(buf));
	ktap_check(!strcmp(buf, "-"), "age_ms of a new VM: '%s'", buf);
	vm_slot(&vm, 7, VM_RAM, memory, BYTES);
	touch(VM_RAM, BYTES);
	if (!zap_trace_begin()) {
		ktap_skip("no tracefs", "%s: what an operator gets", policy);
		return;
	}
	madvise(memory, BYTES, MADV_DONTNEED);
	zap_trace_end();

	zap_vms("age_ms", buf, sizeof(buf));
	ktap_check(strcmp(buf, "-"), "age_ms afterwards: '%s'", buf);
	snprintf(want, sizeof(want), "unmap_%s", zap_done(policy));
	zap_vms(want, buf, sizeof(buf));
	ktap_check(!strcmp(buf, "1"), "%s: '%s'", want, buf);
	snprintf(want, sizeof(want), "%s_ns", zap_done(policy));
	zap_vms(want, buf, sizeof(buf));
	ktap_check(strcmp(buf, "0"), "%s is 0", want);
	snprintf(want, sizeof(want),
		 "site=unmap policy=%s as_id=0 slot=7 base_gfn=0x40000 npages=1024 sptes=%d tables=%d",
		 zap_done(policy), (int)zap_seen(1024), (int)zap_seen(3));
	ktap_equal(want, zap_trace_lines(want), 1);
	snprintf(want, sizeof(want), " by=%s ", by);
	ktap_equal(want, zap_trace_lines(want), 1);
	ktap_equal("reason=clear", zap_trace_lines(" reason=clear"), 1);
	vm_slot(&vm, 7, 0, NULL, 0);
	ktap_result("%s: what an operator gets", policy);
}

int main(void)
{
	char *memory;
	int i;

	zap_need();
	/* The host changes the protection of one GiB at a time. */
	do
		memory = vm_alloc(BYTES);
	while ((uintptr_t)memory / GIB != ((uintptr_t)memory + BYTES - 1) / GIB);
	ktap_start(8 * ZAP_NR_POLICIES);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set("unmap", policy);
		vm_create(&vm);
		small_pages(memory);
		protect(memory);
		blocks();
		several(memory);
		seen(memory);
		vm_destroy(&vm);
	}
	zap_set("unmap", "walk");
	return ktap_end();
}
