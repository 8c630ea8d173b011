// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest code of nested.h, L1's and L2's. It is copied into guest memory: it
 * refers to nothing outside of its section, which takes the options that the
 * Makefile has for this file.
 */
#include "nested.h"

#define NESTED_GUEST	__attribute__((section("nested_guest"), used, noinline))
#define NESTED_INLINE	inline __attribute__((always_inline))

#define MSR_EFER	0xc0000080U
#define MSR_VM_HSAVE_PA	0xc0010117U

/* With @vmcb in rdi, @work in rsi: run L2 until it leaves, for whatever reason. */
void nested_vmrun(uint64_t vmcb, volatile struct nested_work *work);

/*
 * VMRUN exchanges rax and rsp, no other general register: L2 finds the work in
 * rdi, and an L2 that did not get to its VMMCALL leaves them all as they happen
 * to be. VMEXIT clears GIF, the global interrupt flag, which L1 runs with set.
 */
asm(
"	.pushsection nested_guest, \"ax\", @progbits\n"
"	.globl	nested_vmrun\n"
"nested_vmrun:\n"
"	push	%rbx\n"
"	push	%rbp\n"
"	push	%r12\n"
"	push	%r13\n"
"	push	%r14\n"
"	push	%r15\n"
"	mov	%rdi, %rax\n"
"	mov	%rsi, %rdi\n"
"	clgi\n"
"	vmrun\n"
"	stgi\n"
"	pop	%r15\n"
"	pop	%r14\n"
"	pop	%r13\n"
"	pop	%r12\n"
"	pop	%rbp\n"
"	pop	%rbx\n"
"	ret\n"
"\n"
"	.globl	nested_l2_entry\n"
"nested_l2_entry:\n"
"	call	nested_l2_pass\n"
"	vmmcall\n"
"	ud2\n"
"	.popsection\n"
);

static NESTED_INLINE uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr));
	return (uint64_t)hi << 32 | lo;
}

static NESTED_INLINE void wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((uint32_t)value),
		     "d" ((uint32_t)(value >> 32)) : "memory");
}

static NESTED_INLINE volatile uint64_t *vmcb_field(volatile struct nested_work *work,
						   unsigned int offset)
{
	return (volatile uint64_t *)(work->vmcb + offset);
}

/* L1: run L2, a pass at a time. The work says whether all of them ended well. */
NESTED_GUEST uint64_t nested_l1(volatile struct guest_cmd *cmd)
{
	volatile struct nested_work *work = (void *)cmd->value;
	uint64_t efer = rdmsr(MSR_EFER);

	/* Gone after the library started the vCPU afresh. */
	if (!(efer & EFER_SVME))
		wrmsr(MSR_EFER, efer | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, work->hsave);

	do {
		*vmcb_field(work, VMCB_RIP) = work->rip;
		*vmcb_field(work, VMCB_RSP) = work->rsp;
		nested_vmrun(work->vmcb, work);
		work->exit_code = *vmcb_field(work, VMCB_EXIT_CODE);
		work->exit_info_1 = *vmcb_field(work, VMCB_EXIT_INFO_1);
		work->exit_info_2 = *vmcb_field(work, VMCB_EXIT_INFO_2);
		if (work->exit_code != VMEXIT_VMMCALL)
			break;
		work->passes++;
	} while (cmd->passes ? work->passes < cmd->passes : !cmd->stop);
	return 0;
}

/* L2: one pass over the range. */
NESTED_GUEST void nested_l2_pass(volatile struct nested_work *work)
{
	uint64_t address = work->start, count = work->count, stride = work->stride;
	uint64_t op = work->op, value = work->value, read, i;

	for (i = 0; i < count; i++, address += stride) {
		volatile uint64_t *at = (volatile uint64_t *)address;

		if (op == GUEST_OP_READ) {
			work->result += *at;
		} else if (op == GUEST_OP_WRITE) {
			*at = value;
		} else if (op == GUEST_OP_STAMP) {
			*at = value + (address >> 12);
		} else {
			read = *at;
			if (read == value + (address >> 12))
				continue;
			if (!work->result) {
				work->bad_gva = address;
				work->bad_value = read;
			}
			work->result++;
		}
	}
}
