/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of guest.h that only arm64 has. */
#ifndef KVM_ZAP_GUEST_ARCH_H
#define KVM_ZAP_GUEST_ARCH_H

/*
 * A store to this guest physical address, where no memslot is, says that the operation is
 * done. It is VM_SYS_END, and its lower 16 bits are 0.
 */
#define GUEST_EXIT_GPA		0xf0000000

#endif
