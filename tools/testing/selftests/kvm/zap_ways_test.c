// SPDX-License-Identifier: GPL-2.0-only
/*
 * Outside of the TDP MMU, policy scoped finds a memslot's mappings in two ways: from the
 * memslot, or from the shadow pages, whichever is less work. Both have to find all
 * mappings of the memslot and nothing else. If the guest has little memory mapped, there
 * are few shadow pages; filler memory makes them many.
 *
 * What breaks without it: mappings that one of the ways forgets show in large guests
 * only, or in small ones only, and the guest keeps memory that was given to somebody
 * else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "ktap.h"
#include "zap_lib.h"

enum { BELOW, MIDDLE, ABOVE, FILLER };

/*
 * Three slots side by side: they share page tables, and chunks of them. The
 * middle one has its second page table to itself; of the first and the third it has
 * a part, or a single page: the last of the one and the first of the other.
 */
static const struct places {
	uint64_t below, middle, above, end;	/* pages */
	const char *name;
} places[] = {
	{ 0x0ab, 0x183, 0x583, 0x683, "neighbours" },
	{ 0x1f7, 0x1ff, 0x401, 0x409, "neighbours, a page at each end" },
};

#define OWN_PAGE	0x200UL
#define OWN_END_PAGE	0x400UL
#define TAKEN_END_PAGE	0x600UL
#define ALL_BYTES	(4 * SZ_2M)

/* Guest page tables, in a slot about as large as the middle one. */
#define TABLES_GPA	(VM_RAM_GPA + SZ_1G)
#define TABLES_BYTES	(0x400 * SZ_4K)
#define WINDOW_GVA	0x700000000UL
#define WINDOW_PAGES	8

/* A guest page table of the third level maps 512 GiB. */
#define UNSYNC_GVA	(512 * SZ_1G)
#define BELOW_TABLES_GPA	(TABLES_GPA + SZ_1G / 2)

#define SPARSE_GPA	(8 * SZ_1G)
#define SZ_32K		(8 * SZ_4K)

/* A page that the guest maps so often is in more page tables than go in a step. */
#define ALIASES		40
#define ALIAS_GVA(i)	(WINDOW_GVA + (i) * SZ_2M)

/*
 * Two pages that the guest maps so often, each mapping by page tables of its own, one or
 * two: more than policy scoped puts off looking at.
 */
#define ALIAS_PAGES		2
#define ALIAS_TABLES		200
#define ALIAS_SHADOW_PAGES	2048	/* by default a small VM has fewer than it takes */

static const char * const ways[] = { "few shadow pages", "many shadow pages" };

struct test {
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned char *mem;
	void *filler;
};

static void create(struct test *t, unsigned int way, unsigned long guest_page,
		   unsigned long backing)
{
	struct vm_opts opts = { .guest_page = guest_page };

	memset(t, 0, sizeof(*t));
	t->vm = vm_create(&opts);
	t->vcpu = vcpu_create(t->vm, 0);
	t->mem = vm_backing_alloc(ALL_BYTES, backing);
	guest_pt_map(t->vm->pt, VM_RAM_GPA, VM_RAM_GPA, ALL_BYTES, 0);
	if (way)
		t->filler = zap_filler_create(t->vcpu, FILLER, ZAP_FILLER_BYTES);
}

static void destroy(struct test *t)
{
	vm_destroy(t->vm);
	vm_backing_free(t->mem, ALL_BYTES);
	if (t->filler)
		zap_filler_free(t->filler, ZAP_FILLER_BYTES);
}

static void set_slot(struct test *t, unsigned int slot, uint64_t page, uint64_t end)
{
	vm_set_slot(t->vm, slot, 0, VM_RAM_GPA + page * SZ_4K, (end - page) * SZ_4K,
		    t->mem + page * SZ_4K);
}

static void read_pages(struct test *t, uint64_t page, uint64_t end)
{
	vcpu_read(t->vcpu, VM_RAM_GPA + page * SZ_4K, (end - page) * SZ_4K);
}

/* Delete @slot: so many leaf SPTEs and page tables go. */
static void delete_slot(struct test *t, unsigned int slot, const char *what, uint64_t sptes,
			uint64_t tables)
{
	struct zap_counts before, after;
	uint64_t leafs = zap_leafs(t->vm);

	zap_counts(t->vm, &before);
	vm_delete_slot(t->vm, slot);
	zap_counts(t->vm, &after);
	zap_diff(&after, &before);
	leafs -= zap_leafs(t->vm);
	ktap_equal(what, after.memslot_zap_scoped, 1);
	ktap_check(after.zap_sptes == sptes && leafs == sptes && after.zap_tables == tables,
		   "%s: zap_sptes %lu, went %lu, expected %lu; zap_tables %lu, expected %lu",
		   what, after.zap_sptes, leafs, sptes, after.zap_tables, tables);
}

static void expect_still_mapped(struct test *t, const char *what, uint64_t page, uint64_t end)
{
	uint64_t faults = zap_vcpus_stat(t->vm, "pf_taken");

	read_pages(t, page, end);
	ktap_equal(what, zap_vcpus_stat(t->vm, "pf_taken") - faults, 0);
}

static void expect_gone(struct test *t, uint64_t page, uint64_t end)
{
	uint64_t exits = t->vcpu->mmio_reads;

	read_pages(t, page, end);
	ktap_equal("pages of the slot that is gone that the guest cannot reach",
		   t->vcpu->mmio_reads - exits, end - page);
}

static void test_neighbours(unsigned int way, unsigned long guest_page, const struct places *at)
{
	struct test t;

	create(&t, way, guest_page, VM_4K);
	set_slot(&t, BELOW, at->below, at->middle);
	set_slot(&t, MIDDLE, at->middle, at->above);
	set_slot(&t, ABOVE, at->above, at->end);
	/* The last page table to be made is the middle one's own. */
	read_pages(&t, at->below, OWN_PAGE);
	read_pages(&t, OWN_END_PAGE, at->end);
	read_pages(&t, OWN_PAGE, OWN_END_PAGE);

	delete_slot(&t, MIDDLE, "the middle slot", at->above - at->middle, 1);
	expect_still_mapped(&t, "page faults below", at->below, at->middle);
	expect_still_mapped(&t, "page faults above", at->above, at->end);
	expect_gone(&t, at->middle, at->middle + 1);
	expect_gone(&t, at->above - 1, at->above);

	/* In the page tables that were searched before. */
	delete_slot(&t, ABOVE, "the slot above", at->end - at->above, 0);
	expect_still_mapped(&t, "page faults below", at->below, at->middle);
	expect_gone(&t, at->above, at->end);
	delete_slot(&t, BELOW, "the slot below", at->middle - at->below, 0);
	expect_gone(&t, at->below, at->middle);
	destroy(&t);
	ktap_result("%s, guest %s: %s", ways[way], guest_page == VM_4K ? "4k" : "2m", at->name);
}

static void test_huge(unsigned int way)
{
	struct test t;
	bool huge;

	create(&t, way, VM_2M, VM_2M);
	set_slot(&t, BELOW, 0, 0x200);
	set_slot(&t, MIDDLE, 0x200, 0x600);
	read_pages(&t, 0, 0x600);
	huge = zap_stat(t.vm, "pages_2m") == 3;
	if (huge) {
		delete_slot(&t, MIDDLE, "the slot of 2M pages", 2, 0);
		expect_still_mapped(&t, "page faults below", 0, 0x200);
		expect_gone(&t, 0x200, 0x201);
		expect_gone(&t, 0x5ff, 0x600);
	}
	destroy(&t);
	if (huge)
		ktap_result("%s: 2M pages", ways[way]);
	else
		ktap_skip("the host gives no huge pages", "%s: 2M pages", ways[way]);
}

static void *sparse_alloc(void)
{
	void *mem = mmap(NULL, SZ_1G, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED || madvise(mem, SZ_1G, MADV_NOHUGEPAGE))
		vm_die("no memory for a GiB");
	return mem;
}

/*
 * A slot so large that shadow pages are fewer whatever the guest has mapped, also by
 * page tables of its own: of those only what maps the slot goes.
 */
static void test_sparse(unsigned int way, unsigned long guest_page)
{
	void *mem = sparse_alloc();
	const uint64_t at[] = { SPARSE_GPA, SPARSE_GPA + SZ_1G / 2, SPARSE_GPA + SZ_1G - SZ_32K };
	struct test t;
	unsigned int i;

	create(&t, way, guest_page, VM_4K);
	set_slot(&t, BELOW, 0, 0x600);
	vm_set_slot(t.vm, MIDDLE, 0, SPARSE_GPA, SZ_1G, mem);
	read_pages(&t, 0, 0x600);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		guest_pt_map(t.vm->pt, at[i] & ~(SZ_2M - 1), at[i] & ~(SZ_2M - 1), SZ_2M, 0);
		vcpu_read(t.vcpu, at[i], SZ_32K);
	}
	/* A page table for each, and the one above. */
	delete_slot(&t, MIDDLE, "the sparse slot", 8 * ARRAY_SIZE(at), ARRAY_SIZE(at) + 1);
	expect_still_mapped(&t, "page faults below", 0, 0x600);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		uint64_t exits = t.vcpu->mmio_reads;

		vcpu_read(t.vcpu, at[i], SZ_32K);
		ktap_equal("MMIO exits", t.vcpu->mmio_reads - exits, 8);
	}
	destroy(&t);
	munmap(mem, SZ_1G);
	ktap_result("%s, guest %s: a sparse slot", ways[way], guest_page == VM_4K ? "4k" : "2m");
}

/*
 * The sparse slot has page tables that are full, and nearly so: policy scoped looks
 * whether others wait in the midst of one, and right after another one's last SPTE.
 */
static void test_full_tables(unsigned int way)
{
	void *mem = sparse_alloc();
	const uint64_t bytes[] = { SZ_2M, SZ_2M - SZ_32K, SZ_2M - 2 * SZ_32K, SZ_2M - 3 * SZ_32K };
	uint64_t gpa = SPARSE_GPA, pages = 0;
	struct test t;
	unsigned int i;

	create(&t, way, VM_4K, VM_4K);
	set_slot(&t, BELOW, 0, WINDOW_PAGES);
	vm_set_slot(t.vm, MIDDLE, 0, SPARSE_GPA, SZ_1G, mem);
	read_pages(&t, 0, WINDOW_PAGES);
	for (i = 0; i < ARRAY_SIZE(bytes); i++, gpa += SZ_2M) {
		guest_pt_map(t.vm->pt, gpa, gpa, SZ_2M, 0);
		vcpu_read(t.vcpu, gpa, bytes[i]);
		pages += bytes[i] / SZ_4K;
	}
	delete_slot(&t, MIDDLE, "the slot of full page tables", pages, ARRAY_SIZE(bytes) + 1);
	expect_still_mapped(&t, "page faults below", 0, WINDOW_PAGES);
	destroy(&t);
	munmap(mem, SZ_1G);
	ktap_result("%s: full page tables", ways[way]);
}

/* The slot holds two guest page tables, in its last pages; they map another's memory. */
static void test_guest_tables(unsigned int way)
{
	void *tables = vm_backing_alloc(TABLES_BYTES, VM_4K);
	struct test t;

	create(&t, way, VM_4K, VM_4K);
	guest_pt_arena(t.vm->pt, TABLES_GPA + TABLES_BYTES - 2 * SZ_4K,
		       (char *)tables + TABLES_BYTES - 2 * SZ_4K, 2 * SZ_4K);
	guest_pt_map(t.vm->pt, WINDOW_GVA, VM_RAM_GPA, WINDOW_PAGES * SZ_4K, 0);
	set_slot(&t, BELOW, 0, WINDOW_PAGES);
	vm_set_slot(t.vm, MIDDLE, 0, TABLES_GPA, TABLES_BYTES, tables);
	vcpu_read(t.vcpu, WINDOW_GVA, WINDOW_PAGES * SZ_4K);
	/*
	 * Shadowed, with all that they map; or read by the CPU like other memory,
	 * which outside the TDP MMU maps the others of a group of 8 as well.
	 */
	delete_slot(&t, MIDDLE, "the slot of guest page tables",
		    zap_mmu() == ZAP_MMU_TDP ? 2 : 8, zap_mmu() == ZAP_MMU_TDP ? 1 : 2);
	destroy(&t);
	vm_backing_free(tables, TABLES_BYTES);
	ktap_result("%s: guest page tables", ways[way]);
}

/*
 * The slot holds a page and two guest page tables that map it, others map the page from
 * elsewhere. When the first go, with the page's mappings, the others map nothing any more.
 */
static void test_page_and_tables(unsigned int way)
{
	void *tables = vm_backing_alloc(TABLES_BYTES, VM_4K);
	static const struct { uint64_t sptes, tables; } goes[] = {
		[ZAP_MMU_TDP] = { 3, 2 },
		[ZAP_MMU_LEGACY] = { 16, 3 },
		[ZAP_MMU_SHADOW] = { 2, 2 + 3 },
	};
	struct test t;

	create(&t, way, VM_4K, VM_4K);
	vm_set_slot(t.vm, MIDDLE, 0, TABLES_GPA, TABLES_BYTES, tables);
	guest_pt_map(t.vm->pt, UNSYNC_GVA, TABLES_GPA, SZ_4K, 0);
	guest_pt_arena(t.vm->pt, TABLES_GPA + TABLES_BYTES - 2 * SZ_4K,
		       (char *)tables + TABLES_BYTES - 2 * SZ_4K, 2 * SZ_4K);
	guest_pt_map(t.vm->pt, WINDOW_GVA, TABLES_GPA, SZ_4K, 0);
	vcpu_read(t.vcpu, UNSYNC_GVA, SZ_4K);
	vcpu_read(t.vcpu, WINDOW_GVA, SZ_4K);
	delete_slot(&t, MIDDLE, "the slot of a page and its page tables",
		    goes[zap_mmu()].sptes, goes[zap_mmu()].tables);
	destroy(&t);
	vm_backing_free(tables, TABLES_BYTES);
	ktap_result("%s: a page and its guest page tables", ways[way]);
}

/*
 * A guest's page tables are all in the slot, the root too, which a vCPU that does not
 * run has loaded: it outlives the slot, and one that takes its place.
 */
static void test_root(unsigned int way)
{
	void *tables = vm_backing_alloc(TABLES_BYTES, VM_4K);
	struct guest_pt *pt;
	unsigned int round;
	struct test t;

	create(&t, way, VM_4K, VM_4K);
	set_slot(&t, BELOW, 0, WINDOW_PAGES);
	for (round = 0; round < 2; round++) {
		vm_set_slot(t.vm, MIDDLE, 0, TABLES_GPA, TABLES_BYTES, tables);
		memset(tables, 0, TABLES_BYTES);
		pt = guest_pt_create(t.vm, TABLES_GPA, tables, TABLES_BYTES);
		guest_pt_map(pt, WINDOW_GVA, VM_RAM_GPA, WINDOW_PAGES * SZ_4K, 0);
		vcpu_load_pt(t.vcpu, pt);
		vcpu_read(t.vcpu, WINDOW_GVA, WINDOW_PAGES * SZ_4K);
		guest_pt_free(pt);
		vm_delete_slot(t.vm, MIDDLE);
		vm_set_slot(t.vm, MIDDLE, 0, TABLES_GPA, TABLES_BYTES, tables);
		vm_delete_slot(t.vm, MIDDLE);
		ktap_equal("memslot_zap_scoped", zap_stat(t.vm, "memslot_zap_scoped"),
			   2 * (round + 1));
		/* The guest does not come back by itself. */
		vcpu_set_pt(t.vcpu, t.vm->pt);
		read_pages(&t, 0, WINDOW_PAGES);
	}
	destroy(&t);
	vm_backing_free(tables, TABLES_BYTES);
	ktap_result("%s: the root of guest page tables", ways[way]);
}

/*
 * The slot holds a guest page table of the third level. Those below it are elsewhere,
 * and one of the first level is unsynchronized: the guest has written to it. They stay in
 * shadow paging, and so does what they map.
 */
static void test_unsync(unsigned int way)
{
	void *tables = vm_backing_alloc(TABLES_BYTES, VM_4K);
	void *below = vm_backing_alloc(2 * SZ_4K, VM_4K);
	bool shadow = zap_mmu() == ZAP_MMU_SHADOW;
	uint64_t gpa, value;
	struct test t;

	create(&t, way, VM_4K, VM_4K);
	guest_pt_map(t.vm->pt, BELOW_TABLES_GPA, BELOW_TABLES_GPA, 2 * SZ_4K, 0);
	set_slot(&t, BELOW, 0, WINDOW_PAGES);
	vm_set_slot(t.vm, MIDDLE, 0, TABLES_GPA, TABLES_BYTES, tables);
	vm_set_slot(t.vm, ABOVE, 0, BELOW_TABLES_GPA, 2 * SZ_4K, below);
	/* With what maps another GiB, which nobody uses. */
	guest_pt_arena(t.vm->pt, TABLES_GPA, tables, 3 * SZ_4K);
	guest_pt_map(t.vm->pt, UNSYNC_GVA + SZ_1G, VM_RAM_GPA, SZ_4K, 0);
	guest_pt_arena(t.vm->pt, BELOW_TABLES_GPA, below, 2 * SZ_4K);
	guest_pt_map(t.vm->pt, UNSYNC_GVA, VM_RAM_GPA, WINDOW_PAGES * SZ_4K, 0);
	vcpu_read(t.vcpu, UNSYNC_GVA, WINDOW_PAGES * SZ_4K);
	gpa = guest_pt_entry(t.vm->pt, UNSYNC_GVA, 1, &value);
	vcpu_write64(t.vcpu, gpa, value);
	delete_slot(&t, MIDDLE, "the slot of a page table of the third level",
		    shadow ? 0 : zap_mmu() == ZAP_MMU_TDP ? 1 : 8, 1);
	destroy(&t);
	vm_backing_free(below, 2 * SZ_4K);
	vm_backing_free(tables, TABLES_BYTES);
	ktap_result("%s: an unsynchronized page table two levels below", ways[way]);
}

/*
 * The guest maps a page of the slot many times, each by a page table of its own. In
 * shadow paging all of them are in the page's rmap.
 */
static void test_aliases(unsigned int way)
{
	bool shadow = zap_mmu() == ZAP_MMU_SHADOW;
	uint64_t leafs;
	struct test t;
	unsigned int i;

	create(&t, way, VM_4K, VM_4K);
	set_slot(&t, BELOW, 0, WINDOW_PAGES);
	set_slot(&t, MIDDLE, WINDOW_PAGES, 2 * WINDOW_PAGES);
	leafs = zap_leafs(t.vm);
	for (i = 0; i < ALIASES; i++) {
		guest_pt_map(t.vm->pt, ALIAS_GVA(i), VM_RAM_GPA + WINDOW_PAGES * SZ_4K,
			     SZ_4K, 0);
		vcpu_read(t.vcpu, ALIAS_GVA(i), SZ_4K);
	}
	if (shadow)
		ktap_check(zap_leafs(t.vm) - leafs >= ALIASES, "only %lu mappings",
			   zap_leafs(t.vm) - leafs);
	vm_delete_slot(t.vm, MIDDLE);
	for (i = 0; i < ALIASES; i++) {
		uint64_t exits = t.vcpu->mmio_reads;

		vcpu_read64(t.vcpu, ALIAS_GVA(i));
		ktap_equal("MMIO exits by an alias", t.vcpu->mmio_reads - exits, 1);
	}
	destroy(&t);
	ktap_result("%s: a page that the guest maps many times", ways[way]);
}

/*
 * Of the page tables that map the same pages, @step bytes of guest addresses apart, each
 * maps nothing else. In shadow paging all of these go, and those above them, like the one
 * that maps the pages at their own addresses.
 */
static void test_alias_tables(unsigned int way, uint64_t step)
{
	const unsigned int aliases = ALIAS_PAGES * ALIAS_TABLES;
	bool shadow = zap_mmu() == ZAP_MMU_SHADOW;
	unsigned int above = (aliases * step + SZ_1G - 1) / SZ_1G;
	struct test t;
	unsigned int i;

	create(&t, way, VM_4K, VM_4K);
	set_slot(&t, BELOW, 0, WINDOW_PAGES);
	set_slot(&t, MIDDLE, OWN_PAGE, ALL_BYTES / SZ_4K);
	if (ioctl(t.vm->fd, KVM_SET_NR_MMU_PAGES, ALIAS_SHADOW_PAGES))
		vm_die("KVM_SET_NR_MMU_PAGES: %s", strerror(errno));
	read_pages(&t, 0, WINDOW_PAGES);
	read_pages(&t, OWN_PAGE, OWN_PAGE + WINDOW_PAGES);
	for (i = 0; i < aliases; i++) {
		uint64_t gpa = VM_RAM_GPA + (OWN_PAGE + i / ALIAS_TABLES) * SZ_4K;

		guest_pt_map(t.vm->pt, WINDOW_GVA + i * step, gpa, SZ_4K, 0);
		vcpu_read(t.vcpu, WINDOW_GVA + i * step, SZ_4K);
	}
	delete_slot(&t, MIDDLE, "the slot of the pages", WINDOW_PAGES + (shadow ? aliases : 0),
		    shadow ? aliases + above + 1 : 1);
	expect_still_mapped(&t, "page faults below", 0, WINDOW_PAGES);
	destroy(&t);
	ktap_result("%s: page tables that map the same pages, %lu MiB apart", ways[way],
		    step / SZ_1M);
}

/* The host has taken the slot's pages back: two page tables are left that map nothing. */
static void test_taken_back(unsigned int way)
{
	struct test t;

	create(&t, way, VM_2M, VM_4K);
	set_slot(&t, BELOW, 0, OWN_PAGE);
	set_slot(&t, MIDDLE, OWN_PAGE, TAKEN_END_PAGE);
	read_pages(&t, 0, TAKEN_END_PAGE);
	if (madvise(t.mem + OWN_PAGE * SZ_4K, (TAKEN_END_PAGE - OWN_PAGE) * SZ_4K, MADV_DONTNEED))
		vm_die("madvise: %s", strerror(errno));
	delete_slot(&t, MIDDLE, "the slot whose pages were taken back", 0, 2);
	expect_still_mapped(&t, "page faults below", 0, OWN_PAGE);
	destroy(&t);
	ktap_result("%s: pages that the host has taken back", ways[way]);
}

int main(void)
{
	unsigned int way, i;

	zap_start((2 * ARRAY_SIZE(places) + 12) * ARRAY_SIZE(ways));
	zap_policy("scoped");
	for (way = 0; way < ARRAY_SIZE(ways); way++) {
		for (i = 0; i < ARRAY_SIZE(places); i++) {
			test_neighbours(way, VM_4K, &places[i]);
			test_neighbours(way, VM_2M, &places[i]);
		}
		test_huge(way);
		test_sparse(way, VM_4K);
		test_sparse(way, VM_2M);
		test_full_tables(way);
		test_guest_tables(way);
		test_page_and_tables(way);
		test_root(way);
		test_unsync(way);
		test_aliases(way);
		test_alias_tables(way, SZ_2M);
		test_alias_tables(way, SZ_1G);
		test_taken_back(way);
	}
	return ktap_end();
}
