// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM writes a guest page table, as if it loaded a snapshot, and sets the vCPU's
 * special registers. A memslot is deleted before or after that. The guest must see what
 * the table says now, as it does under policy fast, and fast may replace scoped no more
 * often than this requires.
 *
 * What breaks without it: under shadow paging, KVM does not notice such writes. A guest
 * continues with the mappings from before the snapshot was loaded, and reads and writes
 * memory that is not its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ktap.h"
#include "zap_lib.h"

enum { MEM, ROM };

/* Shadowed by 4K pages, and what it maps: one page, then the other. */
#define WINDOW_GVA	0x700000000UL
#define MEM_BYTES	(2 * SZ_4K)
#define ROM_BYTES	SZ_64K

enum order { SREGS_FIRST, MEMSLOT_FIRST, SYNC_REGS, OTHER_VCPU, NO_SREGS, NR_ORDERS };

static const char * const orders[NR_ORDERS] = {
	"registers set, a memslot deleted",
	"a memslot deleted, registers set",
	"a memslot deleted, registers set by KVM_RUN",
	"a memslot deleted, another vCPU's registers set",
	"a memslot deleted, registers left",
};

struct test {
	struct vm *vm;
	struct vcpu *vcpu;
	struct vcpu *other;
	uint64_t *mem;
	void *rom;
};

static void map_window(struct test *t, unsigned int page)
{
	guest_pt_map(t->vm->pt, WINDOW_GVA, VM_RAM_GPA + page * SZ_4K, SZ_4K, VM_4K);
}

static void create(struct test *t)
{
	t->vm = vm_create(NULL);
	t->mem = vm_backing_alloc(MEM_BYTES, VM_4K);
	t->rom = vm_backing_alloc(ROM_BYTES, VM_4K);
	t->mem[0] = 1;
	t->mem[SZ_4K / sizeof(uint64_t)] = 2;
	vm_set_slot(t->vm, MEM, 0, VM_RAM_GPA, MEM_BYTES, t->mem);
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_BYTES, t->rom);
	map_window(t, 0);
	t->vcpu = vcpu_create(t->vm, 0);
	t->other = vcpu_create(t->vm, 1);
	ktap_equal("what the guest reads first", vcpu_read64(t->vcpu, WINDOW_GVA), 1);
}

static void destroy(struct test *t)
{
	vm_destroy(t->vm);
	vm_backing_free(t->mem, MEM_BYTES);
	vm_backing_free(t->rom, ROM_BYTES);
}

/* KVM_RUN sets them, by itself. */
static void sync_sregs(struct test *t)
{
	struct kvm_run *run = t->vcpu->run;

	if (ioctl(t->vcpu->fd, KVM_GET_SREGS, &run->s.regs.sregs))
		vm_die("KVM_GET_SREGS: %s", strerror(errno));
	run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
}

static void delete_rom(struct test *t)
{
	vm_delete_slot(t->vm, ROM);
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_BYTES, t->rom);
}

/* What each deletion since @before was done by, and how often a vCPU had to wait. */
static void expect(struct test *t, const char *policy, const struct zap_counts *before,
		   unsigned int deleted, unsigned int fast, unsigned int owed)
{
	struct zap_counts d;

	zap_counts(t->vm, &d);
	zap_diff(&d, before);
	if (!strcmp(policy, "fast")) {
		fast = deleted;
		owed = 0;
	}
	ktap_equal("memslot_zap_fast", d.memslot_zap_fast, fast + owed);
	ktap_equal("memslot_zap_scoped", d.memslot_zap_scoped, deleted - fast);
}

static void test_order(const char *policy, enum order order)
{
	bool shadow = zap_mmu() == ZAP_MMU_SHADOW;
	struct zap_counts before;
	uint64_t read;
	struct test t;

	zap_policy(policy);
	create(&t);
	zap_counts(t.vm, &before);

	if (order != NO_SREGS)
		map_window(&t, 1);
	if (order == SREGS_FIRST)
		vcpu_set_pt(t.vcpu, t.vm->pt);
	delete_rom(&t);
	if (order == MEMSLOT_FIRST)
		vcpu_set_pt(t.vcpu, t.vm->pt);
	if (order == SYNC_REGS)
		sync_sregs(&t);
	if (order == OTHER_VCPU)
		vcpu_set_pt(t.other, t.vm->pt);
	read = vcpu_read64(t.vcpu, WINDOW_GVA);
	/* Else the CPU reads the table, and who flushes its TLB is up to the VMM. */
	if (shadow)
		ktap_equal("what the guest reads", read, order == NO_SREGS ? 1 : 2);
	expect(&t, policy, &before, 1, shadow && order == SREGS_FIRST,
	       shadow && order != SREGS_FIRST && order != NO_SREGS);

	/* That was it: the next ones are as usual. */
	zap_counts(t.vm, &before);
	delete_rom(&t);
	vcpu_read64(t.vcpu, WINDOW_GVA);
	delete_rom(&t);
	expect(&t, policy, &before, 2, 0, 0);
	destroy(&t);
	ktap_result("%s: %s", policy, orders[order]);
}

/* Registers are set, and set again, before any guest page table is shadowed. */
static void test_before(void)
{
	struct zap_counts before;
	struct test t;

	zap_policy("scoped");
	t.vm = vm_create(NULL);
	t.rom = vm_backing_alloc(ROM_BYTES, VM_4K);
	vm_set_slot(t.vm, ROM, 0, VM_ROM_GPA, ROM_BYTES, t.rom);
	t.vcpu = vcpu_create(t.vm, 0);
	vcpu_set_pt(t.vcpu, t.vm->pt);
	guest_pt_map(t.vm->pt, VM_ROM_GPA, VM_ROM_GPA, SZ_2M, 0);
	vcpu_read64(t.vcpu, VM_ROM_GPA);
	zap_counts(t.vm, &before);
	delete_rom(&t);
	expect(&t, "scoped", &before, 1, 0, 0);
	vm_destroy(t.vm);
	vm_backing_free(t.rom, ROM_BYTES);
	ktap_result("scoped: registers set before the guest runs");
}

int main(void)
{
	static const char * const policies[] = { ZAP_MEMSLOT_POLICIES };
	unsigned int i, order;

	if (vm_unusable())
		ktap_skip_all("%s", vm_unusable());
	zap_start(ARRAY_SIZE(policies) * NR_ORDERS + 1);
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		for (order = 0; order < NR_ORDERS; order++)
			test_order(policies[i], order);
	test_before();
	return ktap_end();
}
