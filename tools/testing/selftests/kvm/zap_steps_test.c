// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy scoped does little at a time also with page tables that hang together in ways that only
 * a guest can build: KVM unlinks some page tables along with one that leads to them, all in one
 * go, and it is the guest that decides how many.
 *
 * What breaks without it: a guest that deletes a memslot, by moving a BAR of its own, holds up
 * all vCPUs and the host's CPU for as long as it likes. Or a page table that has lost its parents
 * is used again without what the guest wrote to it.
 *
 * A guest page table whose memslot goes leads to TABLES page tables, which map RAM_BYTES:
 *
 * - The guest has written to all of them: KVM calls that unsynchronized. They are two levels
 *   below, or have another parent. They stay, with all that they map.
 * - They are a nested guest's, and there are two entries that lead to them, which may be in
 *   the page table that goes both. They go, and a thread that wants the CPU all the time must
 *   get it several times within that one deletion.
 */
#define _GNU_SOURCE
#include <string.h>

#include "ktap.h"
#include "nested.h"
#include "zap_lib.h"
#include "zap_nap.h"

#define TABLES		32
#define RAM_BYTES	(TABLES * SZ_2M)
#define RAM_PAGES	(RAM_BYTES / SZ_4K)

/* In one of the deletions; with one step for all of RAM_BYTES there is one, or two. */
#define YIELDS_MIN	6
#define ROUNDS_MAX	10

enum { RAM, HIGH, LOW, CTL };

/* A guest page table of the third level maps 512 GiB, one of the second 1 GiB. */
#define WINDOW_GVA	(512 * SZ_1G)
#define OTHER_GVA	(WINDOW_GVA + SZ_1G)

#define HIGH_GPA	(VM_RAM_GPA + SZ_1G)
#define HIGH_BYTES	(4 * SZ_4K)
#define LOW_GPA		(VM_RAM_GPA + SZ_1G + SZ_1G / 2)
#define LOW_BYTES	((TABLES + 4) * SZ_4K)
#define CTL_GPA		(VM_RAM_GPA + 2 * SZ_1G)

#define ENTRY_ADDRESS	0x000ffffffffff000UL

/* Delete slot HIGH, while a thread wants the CPU; @after is what was counted meanwhile. */
static void delete_high(struct vm *vm, struct zap_counts *after)
{
	uint64_t leafs = zap_leafs(vm);
	struct zap_counts before;

	zap_counts(vm, &before);
	nap_start();
	vm_delete_slot(vm, HIGH);
	nap_stop();
	zap_counts(vm, after);
	zap_diff(after, &before);
	leafs -= zap_leafs(vm);
	ktap_equal("memslot_zap_scoped", after->memslot_zap_scoped, 1);
	ktap_equal("zap_sptes", after->zap_sptes, leafs);
}

/* The same, and only the guest page table there has gone, which maps nothing itself. */
static void delete_one(struct vm *vm)
{
	uint64_t unsync = zap_stat(vm, "mmu_unsync");
	struct zap_counts after;

	ktap_check(unsync >= TABLES, "%lu unsynchronized page tables", unsync);
	delete_high(vm, &after);
	ktap_equal("leaf SPTEs that went", after.zap_sptes, 0);
	ktap_equal("page tables that went", after.zap_tables, 1);
	ktap_equal("unsynchronized page tables", zap_stat(vm, "mmu_unsync"), unsync);
}

/* The guest writes to each page table that maps @gva and what follows. */
static void write_tables(struct vcpu *vcpu, uint64_t gva)
{
	uint64_t value, gpa, end = gva + RAM_BYTES;

	for (; gva < end; gva += SZ_2M) {
		gpa = guest_pt_entry(vcpu->vm->pt, gva, 1, &value);
		vcpu_write64(vcpu, gpa, value);
	}
}

/*
 * All page tables of the first level that map @start and what follows now map the page of the
 * last one's end. The guest has seen them otherwise, and KVM has not seen the change.
 */
static void remap(struct vcpu *vcpu, uint64_t start, char *low)
{
	uint64_t gva, gpa, last;

	guest_pt_entry(vcpu->vm->pt, start + RAM_BYTES - SZ_4K, 1, &last);
	for (gva = start; gva < start + RAM_BYTES; gva += SZ_2M) {
		gpa = guest_pt_entry(vcpu->vm->pt, gva, 1, NULL);
		memcpy(low + (gpa - LOW_GPA), &last, sizeof(last));
	}
}

/* The guest loads its root anew, and sees the change. */
static void sees_remap(struct vcpu *vcpu, uint64_t start)
{
	uint64_t gva, value;

	vcpu_load_pt(vcpu, vcpu->vm->pt);
	value = vcpu_read64(vcpu, start + RAM_BYTES - SZ_4K);
	for (gva = start; gva < start + RAM_BYTES; gva += SZ_2M)
		ktap_equal("what is read by the new entry", vcpu_read64(vcpu, gva), value);
}

/*
 * A page table of the third level goes. Those of the first that it leads to are left without a
 * way to them, and get one again.
 */
static void two_levels_below(struct vcpu *vcpu, char *high, char *low)
{
	struct guest_pt *pt = vcpu->vm->pt;
	uint64_t gpa, value, spare = LOW_BYTES - SZ_4K;

	guest_pt_arena(pt, HIGH_GPA, high, HIGH_BYTES);
	guest_pt_map(pt, OTHER_GVA, VM_RAM_GPA, SZ_4K, VM_4K);
	guest_pt_arena(pt, LOW_GPA, low, LOW_BYTES);
	guest_pt_map(pt, WINDOW_GVA, VM_RAM_GPA, RAM_BYTES, VM_4K);
	vcpu_stamp(vcpu, WINDOW_GVA, RAM_BYTES, 1);
	write_tables(vcpu, WINDOW_GVA);
	delete_one(vcpu->vm);

	remap(vcpu, WINDOW_GVA, low);
	memcpy(low + spare, high, SZ_4K);
	gpa = guest_pt_entry(pt, WINDOW_GVA, 4, &value);
	vcpu_write64(vcpu, gpa, (value & ~ENTRY_ADDRESS) | (LOW_GPA + spare));
	sees_remap(vcpu, WINDOW_GVA);
}

/* A page table of the second level goes; one that stays leads to the same as it. */
static void two_parents(struct vcpu *vcpu, char *high, char *low)
{
	struct guest_pt *pt = vcpu->vm->pt;
	uint64_t gpa;

	guest_pt_arena(pt, LOW_GPA, low, LOW_BYTES);
	guest_pt_map(pt, OTHER_GVA, VM_RAM_GPA, RAM_BYTES, VM_4K);
	guest_pt_arena(pt, HIGH_GPA, high, HIGH_BYTES);
	guest_pt_map(pt, WINDOW_GVA, VM_RAM_GPA, SZ_4K, VM_4K);
	gpa = guest_pt_entry(pt, OTHER_GVA, 2, NULL);
	memcpy(high, low + (gpa - LOW_GPA), SZ_4K);

	vcpu_read(vcpu, WINDOW_GVA, RAM_BYTES);
	vcpu_stamp(vcpu, OTHER_GVA, RAM_BYTES, 1);
	write_tables(vcpu, OTHER_GVA);
	delete_one(vcpu->vm);
	vcpu_check(vcpu, OTHER_GVA, RAM_BYTES, 1);
	remap(vcpu, OTHER_GVA, low);
	sees_remap(vcpu, OTHER_GVA);
}

typedef void shape_fn(struct vcpu *vcpu, char *high, char *low);

static void unsync(shape_fn *shape, const char *name)
{
	void *ram = vm_backing_alloc(RAM_BYTES, VM_4K);
	void *high = vm_backing_alloc(HIGH_BYTES, VM_4K);
	void *low = vm_backing_alloc(LOW_BYTES, VM_4K);
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	vm_set_slot(vm, RAM, 0, VM_RAM_GPA, RAM_BYTES, ram);
	vm_set_slot(vm, HIGH, 0, HIGH_GPA, HIGH_BYTES, high);
	vm_set_slot(vm, LOW, 0, LOW_GPA, LOW_BYTES, low);
	guest_pt_map(vm->pt, LOW_GPA, LOW_GPA, LOW_BYTES, VM_4K);
	shape(vcpu, high, low);
	vm_destroy(vm);
	vm_backing_free(low, LOW_BYTES);
	vm_backing_free(high, HIGH_BYTES);
	vm_backing_free(ram, RAM_BYTES);
	ktap_result("%s", name);
}

/*
 * A nested page table of the third level is in slot HIGH. Two of its entries lead to the same
 * page table of the second level.
 */
static uint64_t twice_in_one(void)
{
	size_t npt_bytes = nested_npt_bytes(RAM_BYTES) + 4 * SZ_4K;
	size_t ctl_bytes = NESTED_CTL_BYTES + npt_bytes;
	char *ctl = vm_backing_alloc(ctl_bytes, VM_4K);
	char *ram = vm_backing_alloc(RAM_BYTES, VM_4K);
	uint64_t *third = vm_backing_alloc(HIGH_BYTES, VM_4K);
	uint64_t *root = (uint64_t *)(ctl + NESTED_CTL_BYTES);
	unsigned int first = NESTED_GPA / SZ_1G;
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct nested *nested;
	struct zap_counts after;
	uint64_t at;

	vm_set_slot(vm, RAM, 0, VM_RAM_GPA, RAM_BYTES, ram);
	vm_set_slot(vm, HIGH, 0, HIGH_GPA, HIGH_BYTES, third);
	vm_set_slot(vm, CTL, 0, CTL_GPA, ctl_bytes, ctl);
	guest_pt_map(vm->pt, CTL_GPA, CTL_GPA, NESTED_CTL_BYTES, VM_4K);
	nested = nested_create(vm, CTL_GPA, ctl, NESTED_CTL_BYTES);
	nested_npt(nested, CTL_GPA + NESTED_CTL_BYTES, root, npt_bytes);
	nested_map(nested, NESTED_GPA + SZ_1G, VM_RAM_GPA, SZ_4K);
	nested_map(nested, NESTED_GPA, VM_RAM_GPA, RAM_BYTES);

	at = (root[0] & ENTRY_ADDRESS) - (CTL_GPA + NESTED_CTL_BYTES);
	memcpy(third, (char *)root + at, SZ_4K);
	third[first + 1] = third[first];
	root[0] = nested_table_entry(nested, HIGH_GPA);
	nested_touch(nested, vcpu, NESTED_GPA, RAM_BYTES);
	nested_touch(nested, vcpu, NESTED_GPA + SZ_1G, SZ_4K);
	delete_high(vm, &after);
	ktap_check(after.zap_sptes >= RAM_PAGES, "%lu leaf SPTEs went", after.zap_sptes);
	ktap_check(after.zap_tables > TABLES, "%lu page tables went", after.zap_tables);

	vm_destroy(vm);
	nested_free(nested);
	vm_backing_free(third, HIGH_BYTES);
	vm_backing_free(ram, RAM_BYTES);
	vm_backing_free(ctl, ctl_bytes);
	return after.zap_yields;
}

/* The best of some rounds: the thread may just have been idle. */
static void steps(const char *name)
{
	uint64_t yields, most = 0;
	unsigned int round;

	for (round = 0; !ktap.bad && round < ROUNDS_MAX && most < YIELDS_MIN; round++) {
		yields = twice_in_one();
		if (yields > most)
			most = yields;
	}
	ktap_diag("%u rounds, zap_yields of one at most %lu", round, most);
	ktap_check(ktap.bad || most >= YIELDS_MIN, "zap_yields in one of %u rounds: %lu", round,
		   most);
	ktap_result("%s", name);
}

int main(void)
{
	const char *why = vm_unusable() ? NULL : nested_unusable_here();

	zap_start(3);
	zap_policy("scoped");
	if (zap_mmu() == ZAP_MMU_SHADOW) {
		unsync(two_levels_below, "unsynchronized page tables two levels below stay");
		unsync(two_parents, "unsynchronized page tables with another parent stay");
	} else {
		ktap_skip("guest page tables are shadowed in shadow paging alone",
			  "unsynchronized page tables two levels below stay");
		ktap_skip("guest page tables are shadowed in shadow paging alone",
			  "unsynchronized page tables with another parent stay");
	}
	if (why)
		ktap_skip(why, "a nested guest's page table with two entries for the same");
	else
		steps("a nested guest's page table with two entries for the same");
	return ktap_end();
}
