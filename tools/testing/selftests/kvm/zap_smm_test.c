// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU in System Management Mode has an address space of its own, with its own page
 * tables of KVM and its own memslots. Deleting a memslot drops everything that was mapped
 * of it in its own address space, and nothing in the other one.
 *
 * What breaks without it: firmware in SMM continues with memory that is gone, or the
 * guest faults in all of its memory again whenever a memslot of SMM goes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "ktap.h"
#include "zap_lib.h"

enum { RAM, TABLES };

#define PAGES		16

/* So large that KVM starts from the shadow pages there are, outside of the TDP MMU. */
#define LARGE_BYTES	SZ_1G

#define SPACES		2
#define IN(space)	((uint32_t)(space) << 16)

#define TABLES_GPA	0x90000000UL
#define WINDOW_GVA	0x700000000UL
#define WINDOW_PAGES	8

static const char * const names[SPACES] = { "the ordinary address space", "SMM's" };

/* vCPU i runs in address space i, where the memory's words say i + 1. */
struct test {
	struct vm *vm;
	struct vcpu *vcpu[SPACES];
	size_t bytes;		/* of its memory; PAGES are touched */
	uint64_t *ram[SPACES];
	void *tables[SPACES];
};

static void enter_smm(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events;

	if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events))
		vm_die("KVM_GET_VCPU_EVENTS: %s", strerror(errno));
	events.flags = KVM_VCPUEVENT_VALID_SMM;
	events.smi.smm = 1;
	if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events))
		vm_die("KVM_SET_VCPU_EVENTS: %s", strerror(errno));
}

static void set_ram(struct test *t, unsigned int space)
{
	vm_set_slot(t->vm, IN(space) | RAM, 0, VM_RAM_GPA, t->bytes, t->ram[space]);
}

static void set_tables(struct test *t, unsigned int space)
{
	vm_set_slot(t->vm, IN(space) | TABLES, 0, TABLES_GPA, 2 * SZ_4K, t->tables[space]);
}

static uint64_t *memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED || madvise(p, bytes, MADV_NOHUGEPAGE))
		vm_die("mmap or madvise of %zu bytes: %s", bytes, strerror(errno));
	return p;
}

static void create(struct test *t, size_t bytes)
{
	struct vm_opts opts = { .guest_page = VM_4K };
	unsigned int i;

	memset(t, 0, sizeof(*t));
	t->bytes = bytes;
	t->vm = vm_create(&opts);
	guest_pt_map(t->vm->pt, VM_RAM_GPA, VM_RAM_GPA, PAGES * SZ_4K, 0);
	for (i = 0; i < SPACES; i++) {
		t->ram[i] = memory(bytes);
		t->tables[i] = vm_backing_alloc(2 * SZ_4K, VM_4K);
		t->ram[i][0] = i + 1;
		set_ram(t, i);
	}
	guest_pt_arena(t->vm->pt, TABLES_GPA, t->tables[0], 2 * SZ_4K);
	guest_pt_map(t->vm->pt, WINDOW_GVA, VM_RAM_GPA, WINDOW_PAGES * SZ_4K, 0);
	memcpy(t->tables[1], t->tables[0], 2 * SZ_4K);
	/* The library's guest is in both. */
	vm_set_slot(t->vm, IN(1) | t->vm->sys_slot, 0, VM_SYS_GPA, t->vm->sys_bytes, t->vm->sys);
	for (i = 0; i < SPACES; i++) {
		set_tables(t, i);
		t->vcpu[i] = vcpu_create(t->vm, i);
	}
	/* Once it has run: starting the guest sets its state. */
	vcpu_read64(t->vcpu[1], VM_RAM_GPA);
	enter_smm(t->vcpu[1]);
}

static void destroy(struct test *t)
{
	unsigned int i;

	vm_destroy(t->vm);
	for (i = 0; i < SPACES; i++) {
		munmap(t->ram[i], t->bytes);
		vm_backing_free(t->tables[i], 2 * SZ_4K);
	}
}

/* vCPU @i reads all, @faults page faults at most; its memory's word is @want. */
static void expect_reads(struct test *t, unsigned int i, uint64_t faults, uint64_t want)
{
	uint64_t before = zap_vcpus_stat(t->vm, "pf_taken");
	uint64_t window = vcpu_read64(t->vcpu[i], WINDOW_GVA);

	vcpu_read(t->vcpu[i], WINDOW_GVA, WINDOW_PAGES * SZ_4K);
	vcpu_read(t->vcpu[i], VM_RAM_GPA, PAGES * SZ_4K);
	ktap_check(zap_vcpus_stat(t->vm, "pf_taken") - before <= faults,
		   "vCPU %u: %lu page faults, expected %lu at most", i,
		   zap_vcpus_stat(t->vm, "pf_taken") - before, faults);
	ktap_equal("what the window shows", window, want);
	ktap_equal("what the memory holds", vcpu_read64(t->vcpu[i], VM_RAM_GPA), want);
}

static void map_all(struct test *t)
{
	unsigned int i;

	for (i = 0; i < SPACES; i++)
		expect_reads(t, i, ~0UL, i + 1);
	for (i = 0; i < SPACES; i++)
		expect_reads(t, i, 0, i + 1);
}

/* Delete a slot of @space and make it again; @absent: what the guest sees between. */
static void test_memory(unsigned int space, size_t bytes)
{
	struct zap_counts before, after;
	struct test t;

	create(&t, bytes);
	map_all(&t);
	zap_counts(t.vm, &before);
	vm_delete_slot(t.vm, IN(space) | RAM);
	zap_counts(t.vm, &after);
	zap_diff(&after, &before);
	/* In shadow paging, once by the window and once as it is. */
	ktap_equal("zap_sptes", after.zap_sptes,
		   PAGES + (zap_mmu() == ZAP_MMU_SHADOW ? WINDOW_PAGES : 0));
	expect_reads(&t, !space, 0, !space + 1);
	ktap_equal("read from nowhere", vcpu_read64(t.vcpu[space], VM_RAM_GPA), t.vm->mmio_value);
	t.ram[space][0] = 17;
	set_ram(&t, space);
	expect_reads(&t, space, ~0UL, 17);
	expect_reads(&t, !space, 0, !space + 1);
	destroy(&t);
	ktap_result("%s memory of %s", bytes == LARGE_BYTES ? "large" : "small", names[space]);
}

static void test_tables(unsigned int space)
{
	bool shadow = zap_mmu() == ZAP_MMU_SHADOW;
	struct zap_counts before, after;
	struct test t;

	create(&t, PAGES * SZ_4K);
	map_all(&t);
	zap_counts(t.vm, &before);
	vm_delete_slot(t.vm, IN(space) | TABLES);
	zap_counts(t.vm, &after);
	zap_diff(&after, &before);
	ktap_equal("zap_sptes", after.zap_sptes, shadow ? WINDOW_PAGES : 2);
	/* The guest page tables' shadow pages. */
	ktap_equal("zap_tables", after.zap_tables, shadow ? 2 : 0);
	expect_reads(&t, !space, 0, !space + 1);
	set_tables(&t, space);
	expect_reads(&t, space, ~0UL, space + 1);
	destroy(&t);
	ktap_result("guest page tables of %s", names[space]);
}

static bool have_smm(void)
{
	struct vm *vm = vm_create(NULL);
	bool have = vm_cap(vm, KVM_CAP_MULTI_ADDRESS_SPACE) > 1;

	vm_destroy(vm);
	return have;
}

int main(void)
{
	unsigned int space;

	if (!vm_unusable() && !have_smm())
		ktap_skip_all("KVM has one address space only");
	zap_start(3 * SPACES);
	zap_policy("scoped");
	for (space = 0; space < SPACES; space++) {
		test_memory(space, PAGES * SZ_4K);
		test_memory(space, LARGE_BYTES);
		test_tables(space);
	}
	return ktap_end();
}
