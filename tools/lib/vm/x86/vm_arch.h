/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of vm.h that only x86 has. */
#ifndef KVM_ZAP_VM_ARCH_H
#define KVM_ZAP_VM_ARCH_H

#include <linux/kvm.h>

/* What a message about a missing /dev/kvm asks. */
#define VM_ARCH_NO_KVM		" (is kvm-amd or kvm-intel loaded?)"

/* How KVM maps memory, if it is the same everywhere: host_mmu() finds out. */
#define VM_ARCH_MMU		NULL

/* The page size of the guest's own tables, if it cannot be chosen. */
#define VM_ARCH_GUEST_PAGE	NULL

/* Marks for an emulator that counts: none. */
static inline void vm_mark_begin(void)
{
}

static inline void vm_mark_end(void)
{
}

struct vm_arch {
	struct kvm_cpuid2 *cpuid;	/* what each new vCPU is given; may be changed */
};

#endif
