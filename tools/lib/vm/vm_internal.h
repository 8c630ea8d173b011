/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations that the files of the VM library share. */
#ifndef KVM_ZAP_VM_INTERNAL_H
#define KVM_ZAP_VM_INTERNAL_H

#include "vm.h"

/* Offsets in the library's own slot. */
#define SYS_CODE	0x0000UL
#define SYS_VCPUS	0x10000UL
#define SYS_PT		(SYS_VCPUS + VM_VCPUS_MAX * (unsigned long)GUEST_VCPU_BYTES)

/* guest.S */
extern const unsigned char guest_image[], guest_image_end[];
extern const unsigned char guest_stubs[];	/* of exceptions; only on x86 */

/* ioctl() that names itself when it fails. */
int vm_ioctl_must(int fd, unsigned long request, void *arg, const char *name);

/*
 * vm_arch.c: what an architecture has of its own. vm_arch_init() comes before there is any
 * memory and sets gpa_bits; vm_arch_install_guest() puts guest.S and what it needs into
 * the library's slot; vcpu_arch_reset() sets all registers, with the guest at the start
 * of its loop.
 */
void vm_arch_init(struct vm *vm);
void vm_arch_free(struct vm *vm);
void vm_arch_install_guest(struct vm *vm);
void vcpu_arch_create(struct vcpu *vcpu);
void vcpu_arch_reset(struct vcpu *vcpu);

/*
 * The reason why the vCPU has left the guest: 0 the operation is done, 1 it is none that only
 * this architecture has, or -EIO, after having said what it is.
 */
int vcpu_arch_exit(struct vcpu *vcpu);

/* vcpu.c: end the thread, close what KVM holds; free the rest. */
void vcpu_close(struct vcpu *vcpu);
void vcpu_free(struct vcpu *vcpu);

/* stats.c */
void stats_close(struct stats *stats);

#endif
