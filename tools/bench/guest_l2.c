// SPDX-License-Identifier: GPL-2.0-only
/*
 * A nested guest that also has the guest's memory mapped. See guest_l2.h.
 */
#include "guest_l2.h"
#include "nested.h"

#define CTL_GPA		VM_ROM_GPA

const char *guest_l2_unusable(struct vm *vm)
{
	return vm ? nested_unusable(vm) : nested_unusable_here();
}

void guest_l2_create(struct guest_l2 *l2, const struct guest_ram *ram, uint64_t bytes)
{
	struct vm *vm = ram->vm;

	l2->bytes = bytes;
	l2->ctl_bytes = NESTED_CTL_BYTES + nested_npt_bytes(bytes);
	l2->ctl = vm_backing_alloc(l2->ctl_bytes, VM_4K);
	vm_set_slot(vm, L2_SLOT, 0, CTL_GPA, l2->ctl_bytes, l2->ctl);
	guest_pt_map(vm->pt, CTL_GPA, CTL_GPA, NESTED_CTL_BYTES, VM_4K);
	l2->nested = nested_create(vm, CTL_GPA, l2->ctl, NESTED_CTL_BYTES);
	nested_npt(l2->nested, CTL_GPA + NESTED_CTL_BYTES, (char *)l2->ctl + NESTED_CTL_BYTES,
		   l2->ctl_bytes - NESTED_CTL_BYTES);
	nested_map(l2->nested, NESTED_GPA, VM_RAM_GPA, bytes);
}

void guest_l2_touch(const struct guest_l2 *l2, const struct guest_ram *ram)
{
	nested_touch(l2->nested, ram->vcpu[0], NESTED_GPA, l2->bytes);
}

void guest_l2_release(struct guest_l2 *l2)
{
	nested_free(l2->nested);
	vm_backing_free(l2->ctl, l2->ctl_bytes);
}
