// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs of other types than the default, and guest_memfd. A VM of another type than
 * KVM_X86_DEFAULT_VM gets KVM's own treatment, whatever the words say: memslots are
 * dropped one at a time and leaf by leaf, MMIO SPTEs by fast when the generation wraps,
 * and the VM by walk. Memory from guest_memfd is dropped with its memslot: private memory
 * and, in plain VMs, shared memory. When the memslot comes back, the memory has the
 * content of its file.
 *
 * What breaks without it: a confidential guest loses memory that it has accepted for
 * good, or keeps a mapping of a file that is no longer its memory.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_gmem.h"
#include "zap_lib.h"
#include "zap_tracing.h"

/* Whole page tables, and some. */
#define SLOT_GPA	VM_RAM_GPA
#define SLOT_BYTES	(4 * SZ_2M + SZ_64K)
#define BESIDE_GPA	(VM_RAM_GPA + SZ_1G)
#define BESIDE_BYTES	SZ_2M

enum { SLOT, BESIDE };

#define MMIO_PARAM	"zap_mmio_generation"
/* It wraps after 2^18 changes of memslots, on newer lines after half of that. */
#define NEAR_WRAP	"262124"
#define CHANGES		40

static const char * const params[] = { ZAP_MEMSLOT_WORDS };
static const char * const words[] = { "inherit", ZAP_MEMSLOT_WORDS };

static void *beside;

static struct vm *create(unsigned long type)
{
	struct vm_opts opts = { .type = type };
	struct vm *vm = vm_create(&opts);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	guest_pt_map(vm->pt, SLOT_GPA, SLOT_GPA, SLOT_BYTES, VM_4K);
	guest_pt_map(vm->pt, BESIDE_GPA, BESIDE_GPA, BESIDE_BYTES, VM_4K);
	vm_set_slot(vm, BESIDE, 0, BESIDE_GPA, BESIDE_BYTES, beside);
	vcpu_stamp(vcpu, BESIDE_GPA, BESIDE_BYTES, 1);
	return vm;
}

/*
 * Delete the slot, all of which is mapped, by what is counted as scoped, because @by
 * says so; what it did.
 */
static struct zap_counts delete(struct vm *vm, const char *by)
{
	const char *got;
	struct zap_counts before, after;
	uint64_t leafs, faults;

	vcpu_check(vm->vcpus, BESIDE_GPA, BESIDE_BYTES, 1);
	leafs = zap_leafs(vm);
	faults = zap_vcpus_stat(vm, "pf_taken");
	zap_counts(vm, &before);
	zap_tracing_take();
	vm_delete_slot(vm, SLOT);
	zap_counts(vm, &after);
	zap_diff(&after, &before);
	got = zap_traced("by");
	ktap_check(!strcmp(got, by), "decided by '%s', expected '%s'", got, by);
	ktap_equal("memslot_zap_scoped", after.memslot_zap_scoped, 1);
	ktap_equal("memslot_zap_fast", after.memslot_zap_fast, 0);
	ktap_equal("zap_sptes", after.zap_sptes, SLOT_BYTES / SZ_4K);
	ktap_equal("leaf SPTEs that went", leafs - zap_leafs(vm), SLOT_BYTES / SZ_4K);
	vcpu_check(vm->vcpus, BESIDE_GPA, BESIDE_BYTES, 1);
	ktap_equal("page faults beside", zap_vcpus_stat(vm, "pf_taken") - faults, 0);
	return after;
}

/* What nobody may choose. */
static void test_memslot(void)
{
	struct vm *vm = create(KVM_X86_SW_PROTECTED_VM);
	void *mem = vm_backing_alloc(SLOT_BYTES, VM_4K);
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (j = 0; j < ARRAY_SIZE(params); j++) {
			zap_policy(params[j]);
			zap_vm_policy(vm, words[i]);
			vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, mem);
			vcpu_stamp(vm->vcpus, SLOT_GPA, SLOT_BYTES, 2 + i);
			/* The engines of policy scoped free page tables. */
			ktap_equal("zap_tables", delete(vm, "type").zap_tables, 0);
			ktap_equal("read by the guest from nowhere",
				   vcpu_read64(vm->vcpus, SLOT_GPA), vm->mmio_value);
		}
	}
	vm_destroy(vm);
	vm_backing_free(mem, SLOT_BYTES);
	ktap_result("protected: memslots go one by one, in KVM's own way");
}

static void test_mmio(void)
{
	static const char name[] = "protected: a wrap of the MMIO generation is fast";
	struct zap_counts before, after;
	unsigned int i;
	struct vm *vm;
	void *mem;
	char *line;

	if (kvm_param_set(ZAP_MODULE, MMIO_PARAM, NEAR_WRAP)) {
		ktap_skip("only test builds of kvm can be near a wrap", "%s", name);
		return;
	}
	zap_site_policy("mmio", "scoped");
	mem = vm_backing_alloc(SZ_64K, VM_4K);
	vm = create(KVM_X86_SW_PROTECTED_VM);
	zap_counts(vm, &before);
	for (i = 0; i < CHANGES; i++) {
		vm_set_slot(vm, SLOT, 0, SLOT_GPA, SZ_64K, mem);
		zap_tracing_take();
		vm_delete_slot(vm, SLOT);
		line = strstr(zap_tracing_take(), "site=mmio ");
		if (!line)
			continue;
		*strchrnul(line, '\n') = '\0';
		ktap_check(strstr(line, " by=type"), "%s", line);
	}
	zap_counts(vm, &after);
	zap_diff(&after, &before);
	ktap_equal("mmio_zap_fast", after.mmio_zap_fast, 1);
	ktap_equal("mmio_zap_scoped", after.mmio_zap_scoped, 0);
	kvm_param_set(ZAP_MODULE, MMIO_PARAM, "0");
	vm_destroy(vm);
	vm_backing_free(mem, SZ_64K);
	ktap_result("%s", name);
}

static void test_teardown(void)
{
	static const char * const says[] = { ZAP_TEARDOWN_WORDS };
	struct zap_row before, after;
	struct vm *vm;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(says); i++) {
		zap_site_policy("teardown", says[i]);
		vm = create(KVM_X86_SW_PROTECTED_VM);
		zap_row("teardown", "walk", &before);
		zap_tracing_take();
		vm_destroy(vm);
		ktap_check(!strcmp(zap_traced("by"), "type"), "%s: not decided by type", says[i]);
		zap_row("teardown", "walk", &after);
		zap_diff(&after, &before);
		ktap_equal("VMs that went by walk", after.count, 1);
		ktap_check(after.sptes >= BESIDE_BYTES / SZ_4K, "%s: %lu leaf SPTEs", says[i],
			   after.sptes);
	}
	ktap_result("protected: the VM goes by walk");
}

/* Two files take turns as the slot's memory: each has what the guest wrote to it. */
static void test_file(unsigned long type)
{
	bool private = type != KVM_X86_DEFAULT_VM;
	struct vm *vm = create(type);
	void *map[2], *mem = NULL;
	unsigned int i;
	int fd[2];

	if (private) {
		mem = vm_backing_alloc(SLOT_BYTES, VM_4K);
		gmem_set_private(vm, SLOT_GPA, SLOT_BYTES, true);
	}
	for (i = 0; i < 2; i++)
		fd[i] = gmem_create(vm, SLOT_BYTES, private ? NULL : &map[i]);
	for (i = 0; i < 4 * ARRAY_SIZE(params); i++) {
		zap_policy(params[i / 4]);
		zap_vm_policy(vm, private ? "inherit" : "scoped");
		gmem_set_slot(vm, SLOT, SLOT_GPA, SLOT_BYTES, private ? mem : map[i % 2],
			      fd[i % 2]);
		if (i < 2)
			ktap_equal("in a new file", vcpu_read64(vm->vcpus, SLOT_GPA), 0);
		else
			vcpu_check(vm->vcpus, SLOT_GPA, SLOT_BYTES, i - 2 + 10);
		vcpu_stamp(vm->vcpus, SLOT_GPA, SLOT_BYTES, i + 10);
		ktap_check(private == !delete(vm, private ? "type" : "vm").zap_tables,
			   "page tables freed, or not");
	}
	if (private)
		gmem_set_private(vm, SLOT_GPA, SLOT_BYTES, false);
	ktap_equal("read by the guest from nowhere", vcpu_read64(vm->vcpus, SLOT_GPA),
		   vm->mmio_value);
	vm_destroy(vm);
	for (i = 0; i < 2; i++) {
		close(fd[i]);
		if (!private)
			munmap(map[i], SLOT_BYTES);
	}
	if (private)
		vm_backing_free(mem, SLOT_BYTES);
	ktap_result(private ? "protected: private memory goes with its memslot" :
		    "plain: memory from guest_memfd goes with its memslot");
}

int main(void)
{
	bool protected, mappable;
	struct vm *vm;

	if (vm_unusable())
		ktap_skip_all("%s", vm_unusable());
	protected = gmem_vm_type(KVM_X86_SW_PROTECTED_VM);
	vm = vm_create(NULL);
	mappable = gmem_mappable(vm);
	vm_destroy(vm);
	if (!protected && !mappable)
		ktap_skip_all("no KVM_X86_SW_PROTECTED_VM here, and no guest_memfd for plain VMs");

	zap_need_debugfs();
	zap_need_tracing();
	zap_start(5);
	zap_tracing_start("events/kvm/kvm_zap");
	beside = vm_backing_alloc(BESIDE_BYTES, VM_4K);
	if (protected) {
		test_memslot();
		test_mmio();
		test_teardown();
		test_file(KVM_X86_SW_PROTECTED_VM);
	} else {
		ktap_skip("no KVM_X86_SW_PROTECTED_VM here", "protected: memslots");
		ktap_skip("no KVM_X86_SW_PROTECTED_VM here", "protected: MMIO generation");
		ktap_skip("no KVM_X86_SW_PROTECTED_VM here", "protected: teardown");
		ktap_skip("no KVM_X86_SW_PROTECTED_VM here", "protected: private memory");
	}
	if (mappable)
		test_file(KVM_X86_DEFAULT_VM);
	else
		ktap_skip("no guest_memfd for plain VMs here", "plain: memory from guest_memfd");
	vm_backing_free(beside, BESIDE_BYTES);
	return ktap_end();
}
