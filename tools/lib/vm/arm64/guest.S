/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of the VM library: code for EL1 that vm_arch.c copies into guest memory, so
 * all of it is position independent. It takes commands from its vCPU's command page
 * (guest.h) and reports the end of each by a store to where no memslot is.
 *
 * Registers while a command runs:
 *	x0	command page		x5	passes completed
 *	x1	address			x6	result
 *	x2	accesses left		x7	first bad address
 *	x3	stride			x8	what was read there
 *	x4	value			x9, x11	scratch
 *	x10	operation
 *
 * Loads and stores of the range do not change their address register: the address may be
 * MMIO, and the CPU tells KVM only then what the access is.
 */
#include "guest.h"

	.section .rodata.guest, "a", %progbits
	.balign	4096
	.globl	guest_image
guest_image:
	adr	x9, vectors
	msr	vbar_el1, x9
	msr	tpidr_el1, x0
	isb

next:
	mov	x5, xzr
	mov	x6, xzr
	mov	x7, xzr
	mov	x8, xzr
	ldr	x10, [x0, #GUEST_CMD_OP]
	cmp	x10, #GUEST_OP_SPIN
	b.eq	spin

pass:
	ldr	x1, [x0, #GUEST_CMD_START]
	ldr	x2, [x0, #GUEST_CMD_COUNT]
	ldr	x3, [x0, #GUEST_CMD_STRIDE]
	ldr	x4, [x0, #GUEST_CMD_VALUE]
	cbz	x2, end_of_pass
	cmp	x10, #GUEST_OP_READ
	b.eq	read
	cmp	x10, #GUEST_OP_WRITE
	b.eq	write
	cmp	x10, #GUEST_OP_STAMP
	b.eq	stamp
	cmp	x10, #GUEST_OP_CHECK
	b.eq	check
	brk	#0			/* an operation of x86's */

end_of_pass:
	add	x5, x5, #1
	ldr	x9, [x0, #GUEST_CMD_PASSES]
	cbz	x9, 1f
	cmp	x5, x9
	b.lo	pass
	b	done
1:	ldr	x9, [x0, #GUEST_CMD_STOP]
	cbz	x9, pass

done:
	str	x5, [x0, #GUEST_CMD_DONE]
	str	x6, [x0, #GUEST_CMD_RESULT]
	str	x7, [x0, #GUEST_CMD_BAD_GVA]
	str	x8, [x0, #GUEST_CMD_BAD_VALUE]
report:
	movz	x9, #GUEST_EXIT_GPA >> 16, lsl #16
	str	xzr, [x9]
	b	next

read:
	ldr	x9, [x1]
	add	x6, x6, x9
	add	x1, x1, x3
	subs	x2, x2, #1
	b.ne	read
	b	end_of_pass

write:
	str	x4, [x1]
	add	x1, x1, x3
	subs	x2, x2, #1
	b.ne	write
	b	end_of_pass

stamp:
	add	x9, x4, x1, lsr #12
	str	x9, [x1]
	add	x1, x1, x3
	subs	x2, x2, #1
	b.ne	stamp
	b	end_of_pass

check:
	add	x9, x4, x1, lsr #12
	ldr	x11, [x1]
	cmp	x11, x9
	b.eq	2f
	cbnz	x6, 1f
	mov	x7, x1
	mov	x8, x11
1:	add	x6, x6, #1
2:	add	x1, x1, x3
	subs	x2, x2, #1
	b.ne	check
	b	end_of_pass

spin:
	yield
	ldr	x9, [x0, #GUEST_CMD_STOP]
	cbz	x9, spin
	b	done

exception:
	mrs	x0, tpidr_el1
	mrs	x9, esr_el1
	str	x9, [x0, #GUEST_CMD_ERROR]
	lsr	x9, x9, #26
	str	x9, [x0, #GUEST_CMD_VECTOR]
	mrs	x9, elr_el1
	str	x9, [x0, #GUEST_CMD_RIP]
	mrs	x9, far_el1
	str	x9, [x0, #GUEST_CMD_CR2]
	b	report

	/* Exceptions of all kinds: the host starts the guest afresh. */
	.balign	2048
vectors:
	.rept	16
	.balign	128
	b	exception
	.endr

	.globl	guest_image_end
guest_image_end:

	.section .note.GNU-stack, "", %progbits
