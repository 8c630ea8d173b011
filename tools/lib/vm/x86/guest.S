/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of the VM library: 64-bit code that vm.c copies into guest memory, so all of
 * it is position independent. It takes commands from its vCPU's command page (guest.h)
 * and reports the end of each by an OUT.
 *
 * Registers while a command runs:
 *	rdi	command page		r8	passes completed
 *	rbx	address			r9	result
 *	rcx	accesses left		r10	first bad address
 *	rdx	stride			r11	what was read there
 *	rsi	value			rax, rbp scratch
 *
 * Loads and stores of the range are plain MOVs: the address may be MMIO, and KVM's
 * instruction emulator has to understand them.
 */
#include "guest.h"

	.section .rodata.guest, "a", @progbits
	.code64
	.balign	4096
	.globl	guest_image
guest_image:

next:
	lea	GUEST_VCPU_BYTES - 16(%rdi), %rsp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	mov	GUEST_CMD_OP(%rdi), %rax
	cmp	$GUEST_OP_CR3, %rax
	je	cr3
	cmp	$GUEST_OP_SPIN, %rax
	je	spin
	cmp	$GUEST_OP_HLT, %rax
	je	halt
	cmp	$GUEST_OP_CALL, %rax
	je	call

pass:
	mov	GUEST_CMD_START(%rdi), %rbx
	mov	GUEST_CMD_COUNT(%rdi), %rcx
	mov	GUEST_CMD_STRIDE(%rdi), %rdx
	mov	GUEST_CMD_VALUE(%rdi), %rsi
	jrcxz	end_of_pass
	cmp	$GUEST_OP_READ, %rax
	je	read
	cmp	$GUEST_OP_WRITE, %rax
	je	write
	cmp	$GUEST_OP_STAMP, %rax
	je	stamp
	cmp	$GUEST_OP_CHECK, %rax
	je	check
	cmp	$GUEST_OP_INVLPG, %rax
	je	invlpg
	ud2				/* an operation from the future */

end_of_pass:
	inc	%r8
	mov	GUEST_CMD_PASSES(%rdi), %rbp
	test	%rbp, %rbp
	jz	1f
	cmp	%rbp, %r8
	jb	pass
	jmp	done
1:	cmpq	$0, GUEST_CMD_STOP(%rdi)
	je	pass

done:
	mov	%r8, GUEST_CMD_DONE(%rdi)
	mov	%r9, GUEST_CMD_RESULT(%rdi)
	mov	%r10, GUEST_CMD_BAD_GVA(%rdi)
	mov	%r11, GUEST_CMD_BAD_VALUE(%rdi)
report:
	mov	$GUEST_PORT, %dx
	out	%al, %dx
	jmp	next

read:
	mov	(%rbx), %rbp
	add	%rbp, %r9
	add	%rdx, %rbx
	dec	%rcx
	jnz	read
	jmp	end_of_pass

write:
	mov	%rsi, (%rbx)
	add	%rdx, %rbx
	dec	%rcx
	jnz	write
	jmp	end_of_pass

stamp:
	mov	%rbx, %rbp
	shr	$12, %rbp
	add	%rsi, %rbp
	mov	%rbp, (%rbx)
	add	%rdx, %rbx
	dec	%rcx
	jnz	stamp
	jmp	end_of_pass

check:
	mov	%rbx, %rbp
	shr	$12, %rbp
	add	%rsi, %rbp
	/* rax holds the operation for the next pass: save it around the load. */
	push	%rax
	mov	(%rbx), %rax
	cmp	%rbp, %rax
	je	2f
	test	%r9, %r9
	jnz	1f
	mov	%rbx, %r10
	mov	%rax, %r11
1:	inc	%r9
2:	pop	%rax
	add	%rdx, %rbx
	dec	%rcx
	jnz	check
	jmp	end_of_pass

invlpg:
	invlpg	(%rbx)
	add	%rdx, %rbx
	dec	%rcx
	jnz	invlpg
	jmp	end_of_pass

cr3:
	mov	GUEST_CMD_VALUE(%rdi), %rbp
	mov	%rbp, %cr3
	jmp	done

spin:
	pause
	cmpq	$0, GUEST_CMD_STOP(%rdi)
	je	spin
	jmp	done

halt:
	hlt
	jmp	next

	/* Code of the caller's: C's calling convention, the command page in rdi. */
call:
	push	%rdi
	push	%rdi			/* twice: keeps rsp 16-byte aligned */
	mov	GUEST_CMD_START(%rdi), %rax
	call	*%rax
	pop	%rdi
	pop	%rdi
	mov	%rax, %r9
	mov	$1, %r8d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	jmp	done

	/*
	 * Exceptions: one stub for each vector, which leaves the error code (0
	 * where the CPU pushes none) and the vector on the stack.
	 */
	.balign	GUEST_STUB_BYTES
	.globl	guest_stubs
guest_stubs:
	vector = 0
	.rept	GUEST_EXCEPTIONS
	.balign	GUEST_STUB_BYTES
	.if	vector != 8 && vector != 17 && vector != 21 && (vector < 10 || vector > 14)
	push	$0
	.endif
	push	$vector
	jmp	exception
	vector = vector + 1
	.endr
	.balign	GUEST_STUB_BYTES

exception:
	mov	%rsp, %rdi
	and	$-GUEST_VCPU_BYTES, %rdi
	pop	%rax
	mov	%rax, GUEST_CMD_VECTOR(%rdi)
	pop	%rax
	mov	%rax, GUEST_CMD_ERROR(%rdi)
	pop	%rax
	mov	%rax, GUEST_CMD_RIP(%rdi)
	mov	%cr2, %rax
	mov	%rax, GUEST_CMD_CR2(%rdi)
	jmp	report

	.globl	guest_image_end
guest_image_end:

	.section .note.GNU-stack, "", @progbits
