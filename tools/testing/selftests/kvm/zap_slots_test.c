// SPDX-License-Identifier: GPL-2.0-only
/*
 * The content oracle for slots that are more than memory: guest page tables, System
 * Management Mode's address space, dirty logging, read-only slots, and a slot at a high
 * address.
 *
 * What breaks without it: under shadow paging, KVM continues to translate by page tables
 * that are gone, and its accounting of them fails when the VM is closed; or the pages of
 * a live migration are lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "zap_world.h"

/* Slots: memory, one that holds guest page tables, one to be disturbed. */
enum { RAM, TABLES, OTHER };

#define RAM_BYTES	(2 * SZ_2M)
#define TABLES_GPA	0x90000000UL
/* Mapped by the tables in slot TABLES, and by nothing else: in a GiB of its own. */
#define WINDOW_GVA	0x700000000UL
/* What it is mapped to, in turn. */
#define HERE		WORLD_GPA
#define THERE		(WORLD_GPA + SZ_2M)

/* Behind the first entry of a root of four levels, within 40 bits. */
#define FAR_GPA		(0x8000000000UL + SZ_2M)

#define KVM_SMM_AS	0x10000U

static const char * const policies[] = { "fast", "scoped" };

/* Tables of 4K or of 2M pages; which of them lie in slot TABLES. */
static const struct world_pages page_4k = { "4k", VM_4K, VM_4K };
static const struct world_pages page_2m = { "2m", VM_4K, VM_2M };

/* First page of the window: index 0 of HERE's memory or of THERE's. */
static void expect_window(struct world *w, unsigned int i, uint64_t gpa)
{
	world_expect(w, i, WINDOW_GVA, 1, (gpa - WORLD_GPA) / SZ_4K, 7);
}

static void *ram_create(struct world *w)
{
	void *ram = world_memory(w, RAM_BYTES, 7);

	vm_set_slot(w->vm, RAM, 0, WORLD_GPA, RAM_BYTES, ram);
	return ram;
}

/* Write through the window: does it arrive where it is mapped to, and only there? */
static void expect_written(struct world *w, unsigned char *ram, uint64_t gpa)
{
	uint64_t other = gpa == HERE ? THERE : HERE;

	world_stamp(ram, RAM_BYTES, 7);
	world_watch(w, 0, WINDOW_GVA, 1, SZ_4K, 0, 0, 0);
	world_round(w, 0, zap_guest_scribble);
	ktap_equal("writes through the window that arrived",
		   world_count_scribbles(ram + (gpa - WORLD_GPA), 1, SZ_4K), 1);
	ktap_equal("writes through the window to where it was mapped before",
		   world_count_scribbles(ram + (other - WORLD_GPA), 1, SZ_4K), 0);
}

static void guest_does(struct world *w, unsigned int op, uint64_t start)
{
	struct guest_op what = { .op = op, .start = start, .bytes = 8 };

	vcpu_must(w->vcpu[0], &what, NULL);
}

/*
 * All tables of a vCPU, its root included, lie in a slot that ends with them. Its first
 * page is no table: otherwise all of them could go along with that one.
 */
static void test_all_tables(const char *policy, const struct world_pages *pages, bool reopen)
{
	struct world *w = world_create(policy, pages);
	/*
	 * No table; root and the level below it; 1 for the library's guest, 2 for the desk,
	 * 2 or 1 for the window, whose last one is the slot's last page.
	 */
	size_t bytes = (pages->guest == VM_4K ? 8 : 7) * SZ_4K;
	unsigned char *tables[2], *ram = ram_create(w);
	struct guest_pt *pt[2];
	unsigned int i, round;

	for (i = 0; i < 2; i++) {
		tables[i] = vm_backing_alloc(bytes, VM_4K);
		pt[i] = guest_pt_create(w->vm, TABLES_GPA + SZ_4K, tables[i] + SZ_4K,
					bytes - SZ_4K);
		guest_pt_map(pt[i], WORLD_DESK_GPA, WORLD_DESK_GPA, SZ_64K, VM_4K);
		guest_pt_map(pt[i], WINDOW_GVA, i ? THERE : HERE, SZ_2M, 0);
	}
	ktap_equal("entry of the window: its page in the slot",
		   (guest_pt_entry(pt[0], WINDOW_GVA, pages->guest == VM_4K ? 1 : 2, NULL) -
		    TABLES_GPA) / SZ_4K, bytes / SZ_4K - 1);
	vm_set_slot(w->vm, TABLES, 0, TABLES_GPA, bytes, tables[0]);
	vcpu_set_pt(w->vcpu[0], pt[0]);
	expect_window(w, 0, HERE);

	for (round = 1; round < 4; round++) {
		vm_delete_slot(w->vm, TABLES);
		if (!reopen)
			break;
		vm_set_slot(w->vm, TABLES, 0, TABLES_GPA, bytes, tables[round % 2]);
		guest_does(w, GUEST_OP_CR3, 0);
		expect_window(w, 0, round % 2 ? THERE : HERE);
		expect_written(w, ram, round % 2 ? THERE : HERE);
	}
	/* Two vCPUs' roots, one of them from a slot that may be gone. */
	world_destroy(w);
	for (i = 0; i < 2; i++) {
		guest_pt_free(pt[i]);
		vm_backing_free(tables[i], bytes);
	}
	vm_backing_free(ram, RAM_BYTES);

	/* Nothing of the VM that went is in the way of the next. */
	w = world_create(policy, pages);
	ram = ram_create(w);
	world_expect(w, 0, WORLD_GPA, 8, 0, 7);
	world_destroy(w);
	vm_backing_free(ram, RAM_BYTES);
}

/* Point the window's entry, at @level, elsewhere: by a store of the guest's. */
static void guest_remaps(struct world *w, uint64_t entry_gpa, uint64_t value, uint64_t to)
{
	vcpu_write64(w->vcpu[0], entry_gpa, (value & ~0x000ffffffffff000UL) | to);
	guest_does(w, GUEST_OP_INVLPG, WINDOW_GVA);
}

/*
 * Only the lower tables lie in the slot. It is deleted and re-created while
 * another vCPU runs on the same root, and the guest writes to them before and
 * after: KVM tracks such writes by the slot.
 */
static void test_lower_tables(const char *policy, const struct world_pages *pages)
{
	struct world *w = world_create(policy, pages);
	int level = pages->guest == VM_4K ? 1 : 2;
	size_t bytes = (level == 1 ? 2 : 1) * SZ_4K;
	unsigned char *tables[2], *ram = ram_create(w);
	uint64_t entry, value;
	unsigned int i, round;

	for (i = 0; i < 2; i++)
		tables[i] = vm_backing_alloc(bytes, VM_4K);
	/* The level above exists: the world is in the same 512 GiB. */
	guest_pt_arena(w->vm->pt, TABLES_GPA, tables[0], bytes);
	guest_pt_map(w->vm->pt, WINDOW_GVA, HERE, SZ_2M, 0);
	entry = guest_pt_entry(w->vm->pt, WINDOW_GVA, level, &value);
	ktap_equal("entry of the window: its page in the slot", (entry - TABLES_GPA) / SZ_4K,
		   bytes / SZ_4K - 1);
	/* The other one differs in this entry only, and has to be found by it. */
	memcpy(tables[1], tables[0], bytes);
	*(uint64_t *)(tables[1] + (entry - TABLES_GPA)) = value - HERE + THERE;

	vm_set_slot(w->vm, TABLES, 0, TABLES_GPA, bytes, tables[0]);
	/* The guest's way to write to them; tables for that are on the desk. */
	guest_pt_arena(w->vm->pt, WORLD_DESK_GPA + 0x8000, w->desk + 0x8000, 0x8000);
	guest_pt_map(w->vm->pt, TABLES_GPA, TABLES_GPA, bytes, VM_4K);

	world_watch_still(w, 1, WORLD_GPA + 8 * SZ_4K, 16, SZ_4K, 8, 7);
	world_start(w, 1, zap_guest_patrol);
	for (round = 0; round < 4; round++) {
		/* Tables 0 say here, 1 there; the guest makes it the other way. */
		expect_window(w, 0, round % 2 ? THERE : HERE);
		guest_remaps(w, entry, value, round % 2 ? HERE : THERE);
		expect_window(w, 0, round % 2 ? HERE : THERE);

		vm_delete_slot(w->vm, TABLES);
		*(uint64_t *)(tables[round % 2] + (entry - TABLES_GPA)) =
			value - HERE + (round % 2 ? THERE : HERE);
		world_rounds(w, 1);
		vm_set_slot(w->vm, TABLES, 0, TABLES_GPA, bytes, tables[(round + 1) % 2]);
		guest_does(w, GUEST_OP_CR3, 0);
	}
	expect_window(w, 0, HERE);
	expect_written(w, ram, HERE);
	/* Gone for good, and moved just before, with vCPUs that used it. */
	vm_set_slot(w->vm, TABLES, 0, TABLES_GPA + SZ_2M, bytes, tables[0]);
	world_rounds(w, 1);
	vm_delete_slot(w->vm, TABLES);
	world_rounds(w, 1);
	world_stop(w, 1);
	world_destroy(w);
	for (i = 0; i < 2; i++)
		vm_backing_free(tables[i], bytes);
	vm_backing_free(ram, RAM_BYTES);
}

/* A slot of SMM's address space lies where one of the ordinary one does. */
static void test_smm(const char *policy)
{
	struct world *w = world_create(policy, &page_4k);
	void *ram = ram_create(w), *smm = world_memory(w, SZ_64K, 8);
	uint64_t faults;
	unsigned int i;

	for (i = 0; i < WORLD_VCPUS; i++)
		world_expect(w, i, WORLD_GPA, 32, 0, 7);
	vm_set_slot(w->vm, KVM_SMM_AS | RAM, 0, WORLD_GPA, SZ_64K, smm);
	for (i = 0; i < WORLD_VCPUS; i++)
		world_expect(w, i, WORLD_GPA, 32, 0, 7);

	faults = zap_vcpus_stat(w->vm, "pf_taken");
	vm_delete_slot(w->vm, KVM_SMM_AS | RAM);
	world_expect(w, 0, WORLD_GPA, 32, 0, 7);
	if (!strcmp(policy, "scoped"))
		ktap_equal("page faults outside of SMM",
			   zap_vcpus_stat(w->vm, "pf_taken") - faults, 0);

	/* The other way round: the slot of the ordinary address space goes. */
	vm_set_slot(w->vm, KVM_SMM_AS | RAM, 0, WORLD_GPA, SZ_64K, smm);
	vm_delete_slot(w->vm, RAM);
	for (i = 0; i < WORLD_VCPUS; i++)
		world_expect_absent(w, i, WORLD_GPA, 16);
	ktap_equal("pages of SMM's memory that were written from outside of it",
		   world_count_scribbles(smm, 16, SZ_4K), 0);
	world_destroy(w);
	vm_backing_free(ram, RAM_BYTES);
	vm_backing_free(smm, SZ_64K);
}

/* The dirty log of @slot, 64 pages, says @want and nothing else. */
static void expect_dirty(struct world *w, const char *what, uint32_t slot, uint64_t want)
{
	uint64_t got = 0;
	int ret = vm_dirty_log(w->vm, slot, &got);

	ktap_equal("error of KVM_GET_DIRTY_LOG", -ret, 0);
	ktap_check(got == want, "%s: dirty pages 0x%lx, expected 0x%lx", what, got, want);
}

/* Write, never read: KVM may map what is read for writing, and mark it. */
static void dirty_pages(struct world *w, uint64_t gpa, uint64_t pages)
{
	unsigned int i;

	for (i = 0; i < 64; i++)
		if (pages & 1UL << i)
			vcpu_write64(w->vcpu[i % WORLD_VCPUS], gpa + i * SZ_4K, i);
}

static void test_dirty_log(const char *policy)
{
	const size_t bytes = 64 * SZ_4K;
	const uint64_t gpa = WORLD_GPA + SZ_1M, next = gpa + bytes;
	struct world *w = world_create(policy, &page_4k);
	void *stays = world_memory(w, bytes, 1);
	void *mem[2] = { world_memory(w, bytes, 2), world_memory(w, bytes, 3) };
	unsigned int round;

	vm_set_slot(w->vm, RAM, KVM_MEM_LOG_DIRTY_PAGES, gpa, bytes, stays);
	for (round = 0; round < 3; round++) {
		vm_set_slot(w->vm, OTHER, KVM_MEM_LOG_DIRTY_PAGES, next, bytes, mem[round % 2]);
		dirty_pages(w, gpa, 0x8000000000000222UL);
		dirty_pages(w, next, 0x0000000000000041UL);
		expect_dirty(w, "the slot created anew", OTHER, 0x41);
		/* Nobody fetches these before the slot goes. */
		dirty_pages(w, next, 0x8000000000000001UL);

		vm_delete_slot(w->vm, OTHER);
		dirty_pages(w, gpa, 0x1000);
		expect_dirty(w, "the slot that stays", RAM, 0x8000000000001222UL);
		/* What was clean has to be caught anew, dirtied before or not. */
		dirty_pages(w, gpa, 0x208);
		expect_dirty(w, "the slot that stays, again", RAM, 0x208);
		expect_dirty(w, "the slot that stays, untouched", RAM, 0);
	}
	world_destroy(w);
	vm_backing_free(stays, bytes);
	for (round = 0; round < 2; round++)
		vm_backing_free(mem[round], bytes);
}

static void test_readonly(const char *policy)
{
	struct world *w = world_create(policy, &page_4k);
	unsigned char *mem[2] = { world_memory(w, SZ_64K, 1), world_memory(w, SZ_64K, 2) };
	unsigned int round, i;

	for (round = 0; round < 4; round++) {
		vm_set_slot(w->vm, RAM, KVM_MEM_READONLY, WORLD_GPA, SZ_64K, mem[round % 2]);
		for (i = 0; i < WORLD_VCPUS; i++) {
			world_expect(w, i, WORLD_GPA, 16, 0, 1 + round % 2);
			ktap_equal("MMIO exits of writes to read-only memory",
				   world_round(w, i, zap_guest_scribble), 16);
		}
		vm_delete_slot(w->vm, RAM);
		world_expect_absent(w, 0, WORLD_GPA, 16);
		for (i = 0; i < 2; i++)
			ktap_equal("read-only pages that were written",
				   world_count_scribbles(mem[i], 16, SZ_4K), 0);
	}
	/* The same place and memory, but writable. */
	vm_set_slot(w->vm, RAM, 0, WORLD_GPA, SZ_64K, mem[1]);
	world_expect_writable(w, 0, WORLD_GPA, 16, mem[1]);
	vm_delete_slot(w->vm, RAM);
	vm_set_slot(w->vm, RAM, KVM_MEM_READONLY, WORLD_GPA, SZ_64K, mem[0]);
	world_expect(w, 0, WORLD_GPA, 16, 0, 1);
	ktap_equal("MMIO exits of writes to what was writable",
		   world_round(w, 0, zap_guest_scribble), 16);
	world_destroy(w);
	for (i = 0; i < 2; i++)
		vm_backing_free(mem[i], SZ_64K);
}

static void test_far(const char *policy)
{
	struct world *w = world_create(policy, &page_4k);
	unsigned char *mem[2] = { world_memory(w, SZ_64K, 1), world_memory(w, SZ_64K, 2) };
	unsigned int round, i;

	guest_pt_map(w->vm->pt, WINDOW_GVA, FAR_GPA, SZ_2M, 0);
	for (round = 0; round < 3; round++) {
		vm_set_slot(w->vm, OTHER, 0, FAR_GPA, SZ_64K, mem[round % 2]);
		for (i = 0; i < WORLD_VCPUS; i++)
			world_expect(w, i, WINDOW_GVA, 16, 0, 1 + round % 2);
		vm_delete_slot(w->vm, OTHER);
	}
	for (i = 0; i < WORLD_VCPUS; i++)
		world_expect_absent(w, i, WINDOW_GVA, 16);
	world_destroy(w);
	for (i = 0; i < 2; i++)
		vm_backing_free(mem[i], SZ_64K);
}

static bool have_smm, have_far;

static void look_what_there_is(void)
{
	struct vm *vm = vm_create(NULL);

	have_smm = vm_cap(vm, KVM_CAP_MULTI_ADDRESS_SPACE) > 1;
	have_far = FAR_GPA >> vm->gpa_bits == 0;
	vm_destroy(vm);
}

int main(void)
{
	static const struct world_pages *const pages[] = { &page_4k, &page_2m };
	unsigned int i, j;

	zap_start(ARRAY_SIZE(policies) * (3 * ARRAY_SIZE(pages) + 4));
	look_what_there_is();
	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		for (j = 0; j < ARRAY_SIZE(pages); j++) {
			test_lower_tables(policies[i], pages[j]);
			ktap_result("%s, guest %s: lower page tables in the slot",
				    policies[i], pages[j]->name);
			test_all_tables(policies[i], pages[j], true);
			ktap_result("%s, guest %s: all page tables in the slot",
				    policies[i], pages[j]->name);
			test_all_tables(policies[i], pages[j], false);
			ktap_result("%s, guest %s: page tables gone, then the VM closed",
				    policies[i], pages[j]->name);
		}
		if (have_smm) {
			test_smm(policies[i]);
			ktap_result("%s: SMM's address space", policies[i]);
		} else {
			ktap_skip("KVM has one address space only", "%s: SMM's address space",
				  policies[i]);
		}
		test_dirty_log(policies[i]);
		ktap_result("%s: dirty logging", policies[i]);
		test_readonly(policies[i]);
		ktap_result("%s: read-only slots", policies[i]);
		if (have_far) {
			test_far(policies[i]);
			ktap_result("%s: a slot above 512 GiB", policies[i]);
		} else {
			ktap_skip("guest physical addresses end before",
				  "%s: a slot above 512 GiB", policies[i]);
		}
	}
	return ktap_end();
}
