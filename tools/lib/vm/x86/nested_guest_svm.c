// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1's guest code of nested.h, with SVM. It is copied into guest memory, so it refers to
 * nothing outside of its section. This requires the compiler options that the Makefile
 * has for this file.
 */
#include "nested_internal.h"
#include "nested_svm.h"

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
"	.globl	nested_svm_l2\n"
"nested_svm_l2:\n"
"	call	nested_l2_pass\n"
"	vmmcall\n"
"	ud2\n"
"	.popsection\n"
);

static NESTED_INLINE volatile uint64_t *vmcb_field(volatile struct nested_work *work,
						   unsigned int offset)
{
	return (volatile uint64_t *)(work->control + offset);
}

/* L1: run L2, a pass at a time. The work says whether all of them ended well. */
NESTED_GUEST uint64_t nested_svm_l1(volatile struct guest_cmd *cmd)
{
	volatile struct nested_work *work = (void *)cmd->value;
	uint64_t efer = nested_rdmsr(MSR_EFER);

	/* Gone after the library started the vCPU afresh. */
	if (!(efer & EFER_SVME))
		nested_wrmsr(MSR_EFER, efer | EFER_SVME);
	nested_wrmsr(MSR_VM_HSAVE_PA, work->host);

	do {
		*vmcb_field(work, VMCB_RIP) = work->rip;
		*vmcb_field(work, VMCB_RSP) = work->rsp;
		nested_vmrun(work->control, work);
		work->exit_code = *vmcb_field(work, VMCB_EXIT_CODE);
		work->exit_info_1 = *vmcb_field(work, VMCB_EXIT_INFO_1);
		work->exit_info_2 = *vmcb_field(work, VMCB_EXIT_INFO_2);
		if (work->exit_code != work->call_exit)
			break;
		work->passes++;
	} while (cmd->passes ? work->passes < cmd->passes : !cmd->stop);
	return 0;
}
