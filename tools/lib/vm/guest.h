/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between the host side (vcpu.c) and the guest side (guest.S) of the VM
 * library: operations, and the layout of a vCPU's command page.
 */
#ifndef KVM_ZAP_GUEST_H
#define KVM_ZAP_GUEST_H

/*
 * Operations. Those on a range make `count` accesses of 8 bytes, the first at
 * `start`, `stride` bytes apart, and do that `passes` times or, where that is
 * 0, until the host sets `stop`.
 */
#define GUEST_OP_READ		1	/* load; result: sum of all that was read */
#define GUEST_OP_WRITE		2	/* store `value` */
#define GUEST_OP_STAMP		3	/* store `value` + (address >> 12) */
#define GUEST_OP_CHECK		4	/* compare with the stamp; result: mismatches */
#define GUEST_OP_INVLPG		5	/* INVLPG each address */
#define GUEST_OP_CR3		6	/* reload CR3; range and `value` are ignored */
#define GUEST_OP_SPIN		7	/* PAUSE until `stop`; the range is ignored */
#define GUEST_OP_HLT		8	/* HLT: leaves with KVM_EXIT_HLT */
#define GUEST_OP_CALL		9	/* call `start`; result: what it leaves in RAX */

/* Byte offsets in struct guest_cmd (vm.h), each field 8 bytes wide. */
#define GUEST_CMD_OP		0x00
#define GUEST_CMD_START		0x08
#define GUEST_CMD_COUNT		0x10
#define GUEST_CMD_STRIDE	0x18
#define GUEST_CMD_VALUE		0x20
#define GUEST_CMD_PASSES	0x28
#define GUEST_CMD_STOP		0x30
#define GUEST_CMD_DONE		0x38
#define GUEST_CMD_RESULT	0x40
#define GUEST_CMD_BAD_GVA	0x48
#define GUEST_CMD_BAD_VALUE	0x50
#define GUEST_CMD_VECTOR	0x58
#define GUEST_CMD_ERROR		0x60
#define GUEST_CMD_RIP		0x68
#define GUEST_CMD_CR2		0x70

/* `vector` as long as no exception was taken. */
#define GUEST_NO_EXCEPTION	-1

/*
 * The command page and the stack of a vCPU share this many bytes, aligned to
 * them: the exception handlers find the command page by masking RSP.
 */
#define GUEST_VCPU_BYTES	8192

#include "guest_arch.h"

#endif
