/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory from a file of KVM's own (guest_memfd), and which part of it is private,
 * as Documentation/virt/kvm/api.rst of Linux 6.8 and later describes it. On failure,
 * functions print a message and exit.
 */
#ifndef KVM_ZAP_GMEM_H
#define KVM_ZAP_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm.h"

/* Not in the headers of every system that this builds on. */
#ifndef KVM_X86_DEFAULT_VM
#define KVM_X86_DEFAULT_VM	0
#endif
#ifndef KVM_X86_SW_PROTECTED_VM
#define KVM_X86_SW_PROTECTED_VM	1
#endif

/* Whether VMs of that type, KVM_X86_*_VM, can be had. */
bool gmem_vm_type(unsigned long type);

/*
 * Whether this VM, which is not protected, can have memory from a file that user
 * space maps as well: since 6.18.
 */
bool gmem_mappable(struct vm *vm);

/*
 * @bytes of memory for @vm: a file, all zeros. @map, unless NULL, gets where it is
 * mapped here; it is not private then. Close it, and munmap(), when the VM is gone.
 */
int gmem_create(struct vm *vm, size_t bytes, void **map);

/* KVM_SET_USER_MEMORY_REGION2: @hva is for what is not private. */
void gmem_set_slot(struct vm *vm, uint32_t slot, uint64_t gpa, uint64_t bytes, void *hva, int fd);

/* The guest's memory at @gpa is private, or shared again. */
void gmem_set_private(struct vm *vm, uint64_t gpa, uint64_t bytes, bool private);

#endif
