/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of guest.h that only x86 has. */
#ifndef KVM_ZAP_GUEST_ARCH_H
#define KVM_ZAP_GUEST_ARCH_H

/* An OUT of one byte to this port says that the operation is done. */
#define GUEST_PORT		0xf4

/* Exceptions have entry points of this size each, one after the other. */
#define GUEST_EXCEPTIONS	32
#define GUEST_STUB_BYTES	16

#endif
