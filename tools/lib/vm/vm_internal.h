/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations that the files of the VM library share. */
#ifndef KVM_ZAP_VM_INTERNAL_H
#define KVM_ZAP_VM_INTERNAL_H

#include "vm.h"

/* Offsets in the library's own slot. */
#define SYS_CODE	0x0000UL
#define SYS_GDT		0x8000UL
#define SYS_IDT		0x9000UL
#define SYS_VCPUS	0x10000UL
#define SYS_PT		(SYS_VCPUS + VM_VCPUS_MAX * (unsigned long)GUEST_VCPU_BYTES)

/* Selectors in the guest's GDT. */
#define GUEST_CS	0x08
#define GUEST_DS	0x10
#define GUEST_TSS	0x18

/* guest.S */
extern const unsigned char guest_image[], guest_image_end[], guest_stubs[];

/* ioctl() that names itself when it fails. */
int vm_ioctl_must(int fd, unsigned long request, void *arg, const char *name);

/* vcpu.c: end the thread, close what KVM holds; free the rest. */
void vcpu_close(struct vcpu *vcpu);
void vcpu_free(struct vcpu *vcpu);

/* stats.c */
void stats_close(struct stats *stats);

#endif
