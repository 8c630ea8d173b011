/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs that guests run: at EL1, without an MMU, and at any address. X1 and X2
 * hold the arguments. X3 holds the address at which a program exits; it writes its result
 * there.
 */
	.section .rodata
	.balign	4
	.globl	guest_code, guest_code_end
guest_code:

/* Write its own address to each page from X1 to X2. */
	.globl	guest_write
guest_write:
	str	x1, [x1]
	add	x1, x1, #4096
	cmp	x1, x2
	b.lo	guest_write
	str	xzr, [x3]
	b	.

/* Add up the first words of the pages from X1 to X2. */
	.globl	guest_sum
guest_sum:
	mov	x5, #0
1:	ldr	x4, [x1]
	add	x5, x5, x4
	add	x1, x1, #4096
	cmp	x1, x2
	b.lo	1b
	str	x5, [x3]
	b	.

/*
 * Read the pages from X1 to X2 over and over, until one has 1 in its first word. X3 is where it
 * leaves then; where there is no memslot any more it leaves there, by itself.
 */
	.globl	guest_watch
guest_watch:
	mov	x6, x1
1:	ldr	x4, [x1]
	cmp	x4, #1
	b.eq	2f
	add	x1, x1, #4096
	cmp	x1, x2
	b.lo	1b
	mov	x1, x6
	b	1b
2:	str	x1, [x3]
	b	.

/*
 * Write the word at VM_CONTROL, as it is each time, to each page from X1 on, upwards or
 * downwards to X2, that included, over and over, until it is 0. X1 and X2 are not at the
 * beginning of their pages: each vCPU has an offset of its own, and at that offset from
 * VM_CONTROL + 64 counts how often it has come round.
 */
	.globl	guest_keep
guest_keep:
	and	x7, x1, #0xfff
	mov	x8, #0x20000
	add	x9, x8, x7
	mov	x10, #4096
	cmp	x1, x2
	cneg	x10, x10, hi
	mov	x6, x1
1:	mov	x1, x6
2:	ldr	x4, [x8]
	cbz	x4, 3f
	str	x4, [x1]
	cmp	x1, x2
	add	x1, x1, x10
	b.ne	2b
	ldr	x5, [x9, #64]
	add	x5, x5, #1
	str	x5, [x9, #64]
	b	1b
3:	str	xzr, [x3]
	b	.

/*
 * For X2 times, between marks 0 and 1, each of what 'lab run --count' counts that EL1 may
 * do, in numbers that differ: see count_test.c, which knows them. X1 is memory.
 */
	.globl	guest_barriers
guest_barriers:
	hint	#0x60
1:	dsb	sy
	dsb	ish
	dsb	nshld
	dmb	ish
	isb
	tlbi	vmalle1is
	tlbi	vmalle1
	tlbi	vae1is, x1
	dc	civac, x1
	dc	civac, x1
	dc	civac, x1
	dc	civac, x1
	dc	cvac, x1
	dc	cvac, x1
	dc	cvau, x1
	ic	ivau, x1
	ic	ivau, x1
	dc	ivac, x1
	subs	x2, x2, #1
	b.ne	1b
	hint	#0x61
	str	xzr, [x3]
	b	.

/* X2 calls, of a function that KVM does not have, between marks 0 and 2. */
	.globl	guest_calls
guest_calls:
	mov	x19, x3
	mov	x20, x2
	hint	#0x60
1:	mov	w0, #0x84000000
	movk	w0, #0xffff
	hvc	#0
	subs	x20, x20, #1
	b.ne	1b
	hint	#0x62
	str	xzr, [x19]
	b	.

guest_code_end:
	.section .note.GNU-stack, "", %progbits
