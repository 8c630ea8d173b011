// SPDX-License-Identifier: GPL-2.0-only
/*
 * The size of a VM's memslots limits the number of its shadow pages. When a memslot goes,
 * the limit shrinks, and KVM reclaims the oldest shadow pages, used or not. Policy scoped
 * frees page tables that map nothing any more, so nothing has to be reclaimed. If the
 * memslot is smaller than a page table, scoped leaves empty page tables but has KVM
 * reclaim them first. Either way the guest's other memory stays mapped.
 *
 * What breaks without it: a guest loses all of its mappings after all, bit by bit, under
 * mmu_lock, and no counter shows it.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "ktap.h"
#include "zap_lib.h"

enum { REST, FIRST };

#define REST_BYTES	(16 * SZ_1M)
#define SLOTS_GPA	(16UL * SZ_1G)

/* Slots of @bytes, @step from each other, of which the guest uses a page each @stride. */
static const struct shape {
	unsigned int slots;
	uint64_t bytes, step, stride;
	const char *name;
} shapes[] = {
	{ 24, 64 * SZ_1M, 64 * SZ_1M, SZ_2M, "sparse slots" },
	{ 160, 64 * 1024, SZ_2M, 64 * 1024, "small slots, a page table each" },
	{ 4, 2 * SZ_2M, SZ_1G, SZ_4K, "dense slots, a GiB apart" },
};

struct test {
	const struct shape *shape;
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned char *rest, *mem;
};

static uint64_t slot_gpa(const struct test *t, unsigned int i)
{
	return SLOTS_GPA + i * t->shape->step;
}

static void create(struct test *t, const struct shape *shape, unsigned long guest_page)
{
	struct vm_opts opts = { .guest_page = guest_page, .pt_bytes = 8 * SZ_1M };
	size_t bytes = shape->slots * shape->bytes;
	unsigned int i;

	t->shape = shape;
	t->vm = vm_create(&opts);
	t->rest = vm_backing_alloc(REST_BYTES, VM_4K);
	t->mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->mem == MAP_FAILED || madvise(t->mem, bytes, MADV_NOHUGEPAGE))
		vm_die("no memory for %u slots", shape->slots);
	vm_set_slot(t->vm, REST, 0, VM_RAM_GPA, REST_BYTES, t->rest);
	guest_pt_map(t->vm->pt, VM_RAM_GPA, VM_RAM_GPA, REST_BYTES, 0);
	for (i = 0; i < shape->slots; i++) {
		vm_set_slot(t->vm, FIRST + i, 0, slot_gpa(t, i), shape->bytes,
			    t->mem + i * shape->bytes);
		guest_pt_map(t->vm->pt, slot_gpa(t, i), slot_gpa(t, i),
			     (shape->bytes + guest_page - 1) / guest_page * guest_page, 0);
	}
	t->vcpu = vcpu_create(t->vm, 0);
}

static void destroy(struct test *t)
{
	vm_destroy(t->vm);
	vm_backing_free(t->rest, REST_BYTES);
	munmap(t->mem, t->shape->slots * t->shape->bytes);
}

/* Page tables of the rest are made first: they are the oldest. */
static void touch(struct test *t)
{
	struct guest_op op = {
		.op = GUEST_OP_WRITE, .bytes = t->shape->bytes, .stride = t->shape->stride,
	};
	unsigned int i;

	vcpu_read(t->vcpu, VM_RAM_GPA, REST_BYTES);
	for (i = 0; i < t->shape->slots; i++) {
		op.start = slot_gpa(t, i);
		vcpu_must(t->vcpu, &op, NULL);
	}
}

static void test_shape(const struct shape *shape, unsigned long guest_page)
{
	uint64_t leafs, faults, recycled;
	unsigned int i;
	struct test t;

	create(&t, shape, guest_page);
	touch(&t);
	leafs = zap_leafs(t.vm);
	recycled = zap_stat(t.vm, "mmu_recycled");
	for (i = 0; i < shape->slots; i++)
		vm_delete_slot(t.vm, FIRST + i);

	ktap_equal("memslot_zap_scoped", zap_stat(t.vm, "memslot_zap_scoped"), shape->slots);
	if (shape->bytes >= SZ_2M)
		ktap_equal("page tables that KVM reclaimed",
			   zap_stat(t.vm, "mmu_recycled") - recycled, 0);
	ktap_equal("leaf SPTEs left", zap_leafs(t.vm),
		   leafs - zap_stat(t.vm, "zap_sptes"));
	faults = zap_vcpus_stat(t.vm, "pf_taken");
	vcpu_read(t.vcpu, VM_RAM_GPA, REST_BYTES);
	ktap_equal("page faults in the rest", zap_vcpus_stat(t.vm, "pf_taken") - faults, 0);
	destroy(&t);
	ktap_result("guest %s: %s", guest_page == VM_4K ? "4k" : "2m", shape->name);
}

int main(void)
{
	unsigned int i;

	zap_start(2 * ARRAY_SIZE(shapes));
	zap_policy("scoped");
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		test_shape(&shapes[i], VM_4K);
		test_shape(&shapes[i], VM_2M);
	}
	return ktap_end();
}
