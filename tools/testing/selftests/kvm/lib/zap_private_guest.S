/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest code of zap_private_test, see zap_private_guest.h. It is copied into guest
 * memory, so it is position independent.
 */
#include "guest.h"
#include "zap_private_guest.h"

	.section .rodata.guest, "a", @progbits

	.code16
	.globl	real_code
real_code:
	xorw	%ax, %ax
	movw	%ax, %es
	movw	$REAL_WORDS, %di
	movw	$REAL_ROM >> 4, %ax
	movw	%ax, %ds
	xorw	%si, %si
	movw	$REAL_ROM_PAGES, %cx
1:	movl	(%si), %eax
	stosl
	addw	$0x1000, %si
	loop	1b
	movw	$REAL_MMIO >> 4, %ax
	movw	%ax, %ds
	movl	0, %eax
	stosl
	outb	%al, $GUEST_PORT
	jmp	real_code
	.globl	real_code_end
real_code_end:

	.code64
	.globl	apic_code
apic_code:
	movl	$APIC_PAGE + APIC_TPR, %ecx
	movl	GUEST_CMD_VALUE(%rdi), %eax
	movl	%eax, (%rcx)
	movl	(%rcx), %eax
	ret
	.globl	apic_code_end
apic_code_end:

	.section .note.GNU-stack, "", @progbits
