/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of vm.h that only arm64 has.
 *
 * The guest runs at EL1 with its MMU on: all of the 40 bits of address are mapped one to
 * one, by blocks of 1 GiB, as memory that caches may hold. So host and guest see the same
 * where the CPU has no FWB, too. guest_pt_map() has nothing to do: it exits if the
 * addresses differ. There are no other page tables, and of guest.h's operations only those
 * up to GUEST_OP_CHECK and GUEST_OP_SPIN; any other one is an exception.
 */
#ifndef KVM_ZAP_VM_ARCH_H
#define KVM_ZAP_VM_ARCH_H

#include <linux/kvm.h>

/* What a message about a missing /dev/kvm asks. */
#define VM_ARCH_NO_KVM		" (did the kernel start at EL2?)"

/* How KVM maps memory, if it is the same everywhere. */
#define VM_ARCH_MMU		"stage2"

/* The page size of the guest's own tables, if it cannot be chosen. */
#define VM_ARCH_GUEST_PAGE	"1g"

/* Marks for 'lab run --count', see tools/testing/lab/count.c: hints that any CPU ignores. */
static inline void vm_mark_begin(void)
{
	asm volatile("hint #0x60" : : : "memory");
}

static inline void vm_mark_end(void)
{
	asm volatile("hint #0x61" : : : "memory");
}

struct vm_arch {
	struct kvm_vcpu_init init;	/* what each new vCPU is given */
};

struct vcpu;

/*
 * Reset @vcpu by KVM_ARM_VCPU_INIT, as a VMM does when the guest reboots. If it has run,
 * KVM unmaps the guest's memory on a CPU without FWB. Not while it runs.
 */
void vcpu_init_again(struct vcpu *vcpu);

#endif
