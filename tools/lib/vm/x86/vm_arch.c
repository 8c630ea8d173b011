// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only x86 has: CPUID, segments and exceptions, the exits of a guest. See vm.h and
 * vm_internal.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm_internal.h"

/* More leaves than any KVM reports; KVM says -E2BIG if that is ever wrong. */
#define CPUID_ENTRIES		256

/* Offsets in the library's own slot. */
#define SYS_GDT		0x8000UL
#define SYS_IDT		0x9000UL

/* Selectors in the guest's GDT. */
#define GUEST_CS	0x08
#define GUEST_DS	0x10
#define GUEST_TSS	0x18

#define CR0_PE		0x00000001UL
#define CR0_MP		0x00000002UL
#define CR0_ET		0x00000010UL
#define CR0_NE		0x00000020UL
#define CR0_WP		0x00010000UL
#define CR0_PG		0x80000000UL
#define CR4_PAE		0x00000020UL
#define CR4_OSFXSR	0x00000200UL	/* for code of GUEST_OP_CALL that uses SSE */
#define CR4_VMXE	0x00002000UL
/*
 * Interrupts enabled, though none ever comes. KVM has a VM exit for each of the host's,
 * whatever the guest's flag says; Bochs does so only if that is set, and never gets the
 * host's CPU back from a guest that does not leave by itself.
 */
#define RFLAGS		(0x00000002UL | 0x00000200UL)
#define EFER_LME	0x00000100UL
#define EFER_LMA	0x00000400UL

/* What every vCPU sees: all that KVM supports. Tells the address width, too. */
void vm_arch_init(struct vm *vm)
{
	size_t entries = CPUID_ENTRIES * sizeof(vm->arch.cpuid->entries[0]);
	unsigned int i;

	vm->arch.cpuid = calloc(1, sizeof(*vm->arch.cpuid) + entries);
	if (!vm->arch.cpuid)
		vm_die("out of memory");
	vm->arch.cpuid->nent = CPUID_ENTRIES;
	vm_ioctl_must(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, vm->arch.cpuid,
		      "KVM_GET_SUPPORTED_CPUID");
	vm->gpa_bits = 36;
	for (i = 0; i < vm->arch.cpuid->nent; i++)
		if (vm->arch.cpuid->entries[i].function == 0x80000008)
			vm->gpa_bits = vm->arch.cpuid->entries[i].eax & 0xff;
}

void vm_arch_free(struct vm *vm)
{
	free(vm->arch.cpuid);
}

void vm_arch_install_guest(struct vm *vm)
{
	unsigned char *sys = vm->sys;
	uint64_t *gdt = (uint64_t *)(sys + SYS_GDT);
	uint64_t *idt = (uint64_t *)(sys + SYS_IDT);
	unsigned int i;

	memcpy(sys + SYS_CODE, guest_image, guest_image_end - guest_image);

	gdt[GUEST_CS / 8] = 0x00af9b000000ffffUL; /* code, 64-bit, present */
	gdt[GUEST_DS / 8] = 0x00cf93000000ffffUL; /* data, present */

	for (i = 0; i < GUEST_EXCEPTIONS; i++) {
		uint64_t to = VM_SYS_GPA + SYS_CODE + (guest_stubs - guest_image) +
			      i * GUEST_STUB_BYTES;

		/* A present 64-bit interrupt gate on the current stack. */
		idt[2 * i] = (to & 0xffff) | (uint64_t)GUEST_CS << 16 |
			     0x8eUL << 40 | (to >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = to >> 32;
	}
}

void vcpu_arch_create(struct vcpu *vcpu)
{
	vm_ioctl_must(vcpu->fd, KVM_SET_CPUID2, vcpu->vm->arch.cpuid, "KVM_SET_CPUID2");
}

static void set_segment(struct kvm_segment *seg, unsigned int selector, unsigned int type)
{
	memset(seg, 0, sizeof(*seg));
	seg->selector = selector;
	seg->type = type;
	seg->limit = 0xffffffff;
	seg->present = 1;
	seg->s = 1;
	seg->g = 1;
}

/* In 64-bit mode. */
void vcpu_arch_reset(struct vcpu *vcpu)
{
	uint64_t cmd_gva = VM_SYS_GPA + SYS_VCPUS + vcpu->id * (uint64_t)GUEST_VCPU_BYTES;
	struct kvm_regs regs = {
		.rip = VM_SYS_GPA + SYS_CODE,
		.rdi = cmd_gva,
		.rsp = cmd_gva + GUEST_VCPU_BYTES - 16,
		.rflags = RFLAGS,
	};
	struct kvm_sregs sregs;

	vm_ioctl_must(vcpu->fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs.cr3 = guest_pt_root(vcpu->pt);
	/* Of a guest that has a nested one: it cannot be cleared in VMX operation. */
	sregs.cr4 = CR4_PAE | CR4_OSFXSR | (sregs.cr4 & CR4_VMXE);
	sregs.efer = EFER_LME | EFER_LMA;
	set_segment(&sregs.cs, GUEST_CS, 11);
	sregs.cs.l = 1;
	set_segment(&sregs.ds, GUEST_DS, 3);
	sregs.ds.db = 1;
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	/* Never used, but VMX does not enter a guest without a busy TSS. */
	set_segment(&sregs.tr, GUEST_TSS, 11);
	sregs.tr.s = 0;
	sregs.tr.g = 0;
	sregs.tr.limit = 0x67;
	sregs.gdt.base = VM_SYS_GPA + SYS_GDT;
	sregs.gdt.limit = GUEST_TSS - 1;
	sregs.idt.base = VM_SYS_GPA + SYS_IDT;
	sregs.idt.limit = GUEST_EXCEPTIONS * 16 - 1;
	vm_ioctl_must(vcpu->fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	vm_ioctl_must(vcpu->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

void vcpu_set_pt(struct vcpu *vcpu, struct guest_pt *pt)
{
	struct kvm_sregs sregs;

	vcpu->pt = pt;
	vm_ioctl_must(vcpu->fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cr3 = guest_pt_root(pt);
	vm_ioctl_must(vcpu->fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
}

void vcpu_load_pt(struct vcpu *vcpu, struct guest_pt *pt)
{
	struct guest_op op = { .op = GUEST_OP_CR3 };

	vcpu->pt = pt;
	vcpu_must(vcpu, &op, NULL);
}

int vcpu_arch_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (run->io.port == GUEST_PORT && run->io.direction == KVM_EXIT_IO_OUT)
			return 0;
		fprintf(stderr, "vCPU %u: exit for I/O port 0x%x\n", vcpu->id, run->io.port);
		return -EIO;
	case KVM_EXIT_HLT:
		return 0;
	default:
		return 1;
	}
}
