// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only arm64 has: KVM_ARM_VCPU_INIT, the registers of a guest at EL1, its exits. See
 * vm.h, vm_arch.h and vm_internal.h.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vm_internal.h"

/* With type 0 of KVM_CREATE_VM. The guest's own addresses are as wide. */
#define GPA_BITS	40

static_assert(VM_RAM_GPA < 1UL << GPA_BITS, "guest memory");
static_assert(GUEST_EXIT_GPA == VM_SYS_END, "where the guest leaves");

#define CORE_REG(field) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
			 KVM_REG_ARM_CORE_REG(field))

#define SCTLR_EL1	ARM64_SYS_REG(3, 0, 1, 0, 0)
#define TTBR0_EL1	ARM64_SYS_REG(3, 0, 2, 0, 0)
#define TCR_EL1		ARM64_SYS_REG(3, 0, 2, 0, 2)
#define MAIR_EL1	ARM64_SYS_REG(3, 0, 10, 2, 0)

/* EL1 with a stack of its own, and interrupts masked: none ever comes. */
#define PSTATE		0x3c5UL

/* MMU and caches on; all else is what Armv8.0 has to have there. */
#define SCTLR		(0x30d00800UL | 0x1005UL)

/*
 * Addresses of 40 bits, virtual and physical; one set of tables, of 4 KiB, in write-back memory
 * that is inner shareable.
 */
#define TCR		((64UL - GPA_BITS) | 0x803500UL | 2UL << 32)

/* Attributes 0: normal memory, write-back. */
#define MAIR		0xffUL

void vm_arch_init(struct vm *vm)
{
	vm_ioctl_must(vm->fd, KVM_ARM_PREFERRED_TARGET, &vm->arch.init,
		      "KVM_ARM_PREFERRED_TARGET");
	vm->gpa_bits = GPA_BITS;
}

void vm_arch_free(struct vm *vm)
{
	(void)vm;
}

void vm_arch_install_guest(struct vm *vm)
{
	memcpy((char *)vm->sys + SYS_CODE, guest_image, guest_image_end - guest_image);
}

void vcpu_arch_create(struct vcpu *vcpu)
{
	vm_ioctl_must(vcpu->fd, KVM_ARM_VCPU_INIT, &vcpu->vm->arch.init, "KVM_ARM_VCPU_INIT");
}

void vcpu_init_again(struct vcpu *vcpu)
{
	vm_ioctl_must(vcpu->fd, KVM_ARM_VCPU_INIT, &vcpu->vm->arch.init,
		      "KVM_ARM_VCPU_INIT of a vCPU that has run");
	vcpu->lost = true;
}

static void set_reg(struct vcpu *vcpu, uint64_t id, uint64_t value, const char *name)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	vm_ioctl_must(vcpu->fd, KVM_SET_ONE_REG, &reg, name);
}

void vcpu_arch_reset(struct vcpu *vcpu)
{
	set_reg(vcpu, MAIR_EL1, MAIR, "KVM_SET_ONE_REG of MAIR_EL1");
	set_reg(vcpu, TCR_EL1, TCR, "KVM_SET_ONE_REG of TCR_EL1");
	set_reg(vcpu, TTBR0_EL1, guest_pt_root(vcpu->pt), "KVM_SET_ONE_REG of TTBR0_EL1");
	set_reg(vcpu, SCTLR_EL1, SCTLR, "KVM_SET_ONE_REG of SCTLR_EL1");
	set_reg(vcpu, CORE_REG(regs.pstate), PSTATE, "KVM_SET_ONE_REG of PSTATE");
	set_reg(vcpu, CORE_REG(regs.pc), VM_SYS_GPA + SYS_CODE, "KVM_SET_ONE_REG of PC");
	set_reg(vcpu, CORE_REG(regs.regs[0]),
		VM_SYS_GPA + SYS_VCPUS + vcpu->id * (uint64_t)GUEST_VCPU_BYTES,
		"KVM_SET_ONE_REG of X0");
}

void vcpu_set_pt(struct vcpu *vcpu, struct guest_pt *pt)
{
	if (vcpu->pt != pt)
		vm_die("vCPU %u: other guest page tables need x86", vcpu->id);
}

void vcpu_load_pt(struct vcpu *vcpu, struct guest_pt *pt)
{
	vcpu_set_pt(vcpu, pt);
}

/*
 * KVM completes a store to where no memslot is when the vCPU runs again. That has to come
 * before registers are set or the vCPU is reset.
 */
static int complete(struct vcpu *vcpu)
{
	int ret;

	vcpu->run->immediate_exit = 1;
	ret = ioctl(vcpu->fd, KVM_RUN, 0);
	vcpu->run->immediate_exit = 0;
	if (!ret || errno != EINTR) {
		fprintf(stderr, "vCPU %u: KVM_RUN that is to end at once does not\n", vcpu->id);
		return -EIO;
	}
	return 0;
}

int vcpu_arch_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (run->exit_reason != KVM_EXIT_MMIO || !run->mmio.is_write ||
	    run->mmio.phys_addr != GUEST_EXIT_GPA)
		return 1;
	return complete(vcpu);
}
