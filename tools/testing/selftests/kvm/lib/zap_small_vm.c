// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "zap_lib.h"
#include "zap_small_vm.h"

void small_vm_touched(struct small_vm *t, uint64_t address)
{
	t->touched[t->nr++] = address;
}

void small_vm_create(struct small_vm *t, unsigned long page)
{
	struct vm_opts opts = { .guest_page = page };

	memset(t, 0, sizeof(*t));
	t->vm = vm_create(&opts);
	t->vcpu = vcpu_create(t->vm, 0);
	t->ram = vm_backing_alloc(2 * SZ_2M, page);
	t->rom = vm_backing_alloc(ROM_PAGES * SZ_4K, VM_4K);
	guest_pt_map(t->vm->pt, VM_RAM_GPA, VM_RAM_GPA, 2 * SZ_2M, 0);
	guest_pt_map(t->vm->pt, VM_ROM_GPA, VM_ROM_GPA, SZ_2M, VM_4K);
	vm_set_slot(t->vm, RAM, 0, VM_RAM_GPA,
		    page == VM_2M ? 2 * SZ_2M : RAM_PAGES * SZ_4K, t->ram);
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
}

void small_vm_free(struct small_vm *t)
{
	vm_free(t->vm);
	vm_backing_free(t->ram, 2 * SZ_2M);
	vm_backing_free(t->rom, ROM_PAGES * SZ_4K);
	if (t->tables)
		vm_backing_free(t->tables, 2 * SZ_4K);
}

void small_vm_destroy(struct small_vm *t)
{
	vm_close(t->vm);
	small_vm_free(t);
}

void small_vm_touch(struct small_vm *t)
{
	bool huge = t->vm->guest_page == VM_2M;

	t->nr = 0;
	t->huge = huge ? 2 : 0;
	vcpu_read(t->vcpu, VM_RAM_GPA, huge ? 2 * SZ_2M : RAM_TOUCHED * SZ_4K);
	small_vm_touched(t, VM_RAM_GPA);
	if (huge)
		small_vm_touched(t, VM_RAM_GPA + SZ_2M);
	vcpu_read(t->vcpu, VM_ROM_GPA, ROM_TOUCHED * SZ_4K);
	small_vm_touched(t, VM_ROM_GPA);
	/* The guest's code and its command page. */
	small_vm_touched(t, VM_SYS_GPA);
	small_vm_touched(t, VM_SYS_GPA + ((char *)t->vcpu->cmd - (char *)t->vm->sys));
	/* Its page tables are touched by the CPU, through KVM's tables if there are two sets. */
	if (zap_mmu() != ZAP_MMU_SHADOW)
		small_vm_touched(t, guest_pt_root(t->vm->pt));
}

/* Levels of the page tables that KVM makes. */
static unsigned int levels(struct vm *vm)
{
	static char cpuinfo[16384];
	bool la57;

	if (zap_mmu() == ZAP_MMU_SHADOW)
		return 4;
	la57 = zap_read_file("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo)) > 0 &&
	       strstr(cpuinfo, " la57");
	/* AMD's has the host's number of levels, Intel's what the guest needs. */
	return la57 && (strstr(cpuinfo, "AuthenticAMD") || vm->gpa_bits > 48) ? 5 : 4;
}

unsigned int small_vm_tables(struct small_vm *t)
{
	unsigned int level, shift, i, j, n = 0;

	for (level = 1; level < levels(t->vm); level++) {
		shift = 12 + 9 * level;
		for (i = level == 1 ? t->huge : 0; i < t->nr; i++) {
			for (j = level == 1 ? t->huge : 0; j < i; j++)
				if (t->touched[i] >> shift == t->touched[j] >> shift)
					break;
			n += i == j;
		}
	}
	return n;
}
