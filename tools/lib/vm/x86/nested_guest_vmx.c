// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1's guest code of nested.h, with VMX. It is copied into guest memory, so it refers to
 * nothing outside of its section. This requires the compiler options that the Makefile
 * has for this file.
 */
#include "nested_internal.h"
#include "nested_vmx.h"

#define MSR_FEATURE_CONTROL	0x3aU
#define FEATURE_LOCKED		0x1UL
#define FEATURE_VMXON		0x4UL

#define INVEPT_ALL		2UL

struct descriptor_table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* With @work in rdi: VMLAUNCH, or VMRESUME. 0 once L2 has left, else what RFLAGS says. */
uint64_t nested_vmx_enter(volatile struct nested_work *work, uint64_t launched);

/*
 * No VM exit saves a general register: L2 finds the work in rdi, and an L2 that did not
 * get to its VMCALL leaves them all as they happen to be. L1 goes on with interrupts
 * disabled: enable them, for the reason that vcpu.c gives.
 */
asm(
"	.pushsection nested_guest, \"ax\", @progbits\n"
"	.globl	nested_vmx_enter\n"
"nested_vmx_enter:\n"
"	push	%rbx\n"
"	push	%rbp\n"
"	push	%r12\n"
"	push	%r13\n"
"	push	%r14\n"
"	push	%r15\n"
"	mov	$0x6c14, %eax\n"		/* VMCS_HOST_RSP */
"	vmwrite	%rsp, %rax\n"
"	mov	$0x6c16, %eax\n"		/* VMCS_HOST_RIP */
"	lea	1f(%rip), %rdx\n"
"	vmwrite	%rdx, %rax\n"
"	test	%rsi, %rsi\n"
"	jnz	2f\n"
"	vmlaunch\n"
"	jmp	3f\n"
"2:	vmresume\n"
"3:	mov	$1, %eax\n"
"	jmp	4f\n"
"1:	sti\n"
"	xor	%eax, %eax\n"
"4:	pop	%r15\n"
"	pop	%r14\n"
"	pop	%r13\n"
"	pop	%r12\n"
"	pop	%rbp\n"
"	pop	%rbx\n"
"	ret\n"
"\n"
"	.globl	nested_vmx_l2\n"
"nested_vmx_l2:\n"
"	call	nested_l2_pass\n"
"	vmcall\n"
"	ud2\n"
"	.popsection\n"
);

/* An instruction of VMX that takes an address; whether it fails. */
#define VMX_ON_ADDRESS(insn, address) ({					\
	uint64_t at_ = (address);						\
	bool failed_;								\
										\
	asm volatile(insn " %1" : "=@ccbe" (failed_) : "m" (at_) : "memory");	\
	failed_;								\
})

static NESTED_INLINE bool write_field(uint64_t encoding, uint64_t value)
{
	bool failed;

	asm volatile("vmwrite %1, %2" : "=@ccbe" (failed) : "rm" (value), "r" (encoding));
	return failed;
}

static NESTED_INLINE uint64_t read_field(uint64_t encoding)
{
	uint64_t value = 0;

	asm volatile("vmread %1, %0" : "+r" (value) : "r" (encoding) : "cc");
	return value;
}

static NESTED_INLINE bool invept_all(void)
{
	struct { uint64_t eptp, zero; } all = { 0, 0 };
	bool failed;

	asm volatile("invept %1, %2" : "=@ccbe" (failed) : "m" (all), "r" (INVEPT_ALL));
	return failed;
}

#define READ_REGISTER(insn) ({					\
	uint64_t value_;					\
								\
	asm volatile(insn : "=r" (value_));			\
	value_;							\
})

/* Where L1 goes on after L2, but for RSP and RIP. CR3 may be another each time. */
static NESTED_INLINE bool write_host_state(void)
{
	struct descriptor_table gdt, idt;

	asm volatile("sgdt %0" : "=m" (gdt));
	asm volatile("sidt %0" : "=m" (idt));
	return write_field(VMCS_HOST_ES, READ_REGISTER("mov %%es, %0")) |
	       write_field(VMCS_HOST_CS, READ_REGISTER("mov %%cs, %0")) |
	       write_field(VMCS_HOST_SS, READ_REGISTER("mov %%ss, %0")) |
	       write_field(VMCS_HOST_DS, READ_REGISTER("mov %%ds, %0")) |
	       write_field(VMCS_HOST_FS, READ_REGISTER("mov %%fs, %0")) |
	       write_field(VMCS_HOST_GS, READ_REGISTER("mov %%gs, %0")) |
	       write_field(VMCS_HOST_TR, READ_REGISTER("str %0")) |
	       write_field(VMCS_HOST_CR0, READ_REGISTER("mov %%cr0, %0")) |
	       write_field(VMCS_HOST_CR4, READ_REGISTER("mov %%cr4, %0")) |
	       write_field(VMCS_HOST_FS_BASE, 0) |
	       write_field(VMCS_HOST_GS_BASE, 0) |
	       write_field(VMCS_HOST_TR_BASE, 0) |
	       write_field(VMCS_HOST_GDTR_BASE, gdt.base) |
	       write_field(VMCS_HOST_IDTR_BASE, idt.base) |
	       write_field(VMCS_HOST_SYSENTER_CS, 0) |
	       write_field(VMCS_HOST_SYSENTER_ESP, 0) |
	       write_field(VMCS_HOST_SYSENTER_EIP, 0);
}

/* VMX operation lasts as long as the vCPU, so whatever L2 it is for. */
static NESTED_INLINE bool vmxon(uint64_t region)
{
	uint64_t cr4 = READ_REGISTER("mov %%cr4, %0"), features;

	if (cr4 & CR4_VMXE)
		return false;
	features = nested_rdmsr(MSR_FEATURE_CONTROL);
	if (!(features & FEATURE_LOCKED))
		nested_wrmsr(MSR_FEATURE_CONTROL, features | FEATURE_LOCKED | FEATURE_VMXON);
	asm volatile("mov %0, %%cr4" : : "r" (cr4 | CR4_VMXE));
	return VMX_ON_ADDRESS("vmxon", region);
}

static NESTED_INLINE bool is_current(uint64_t vmcs)
{
	uint64_t current;

	asm volatile("vmptrst %0" : "=m" (current));
	return current == vmcs;
}

/* Do what there is to do before L2 runs: VMX_STEPS, or what failed. */
static NESTED_INLINE enum vmx_step prepare(volatile struct nested_work *work)
{
	uint64_t i;

	if (vmxon(work->host))
		return VMX_VMXON;
	if (!work->ready && VMX_ON_ADDRESS("vmclear", work->control))
		return VMX_VMCLEAR;
	/* Loading it again would cost KVM's shadow of the nested page tables. */
	if (!is_current(work->control) && VMX_ON_ADDRESS("vmptrld", work->control))
		return VMX_VMPTRLD;
	if (!work->ready && write_host_state())
		return VMX_VMWRITE;
	work->ready = 1;
	for (i = 0; i < work->fields; i++)
		if (write_field(work->field[i].encoding, work->field[i].value))
			return VMX_VMWRITE;
	work->fields = 0;
	if (write_field(VMCS_HOST_CR3, READ_REGISTER("mov %%cr3, %0")))
		return VMX_VMWRITE;
	if (work->invept && invept_all())
		return VMX_INVEPT;
	work->invept = 0;
	return VMX_STEPS;
}

static NESTED_INLINE uint64_t fail(volatile struct nested_work *work, enum vmx_step step)
{
	work->exit_code = VMX_FAILED;
	work->exit_info_1 = step;
	work->exit_info_2 = read_field(VMCS_INSTRUCTION_ERROR);
	return 0;
}

/* L1: run L2, a pass at a time. The work says whether all of them ended well. */
NESTED_GUEST uint64_t nested_vmx_l1(volatile struct guest_cmd *cmd)
{
	volatile struct nested_work *work = (void *)cmd->value;
	enum vmx_step failed = prepare(work);

	if (failed != VMX_STEPS)
		return fail(work, failed);
	do {
		if (write_field(VMCS_GUEST_RIP, work->rip) ||
		    write_field(VMCS_GUEST_RSP, work->rsp))
			return fail(work, VMX_VMWRITE);
		if (nested_vmx_enter(work, work->launched))
			return fail(work, work->launched ? VMX_VMRESUME : VMX_VMLAUNCH);
		work->exit_code = read_field(VMCS_EXIT_REASON);
		if (!(work->exit_code & EXIT_ENTRY_FAILED))
			work->launched = 1;
		work->exit_info_1 = read_field(VMCS_QUALIFICATION);
		work->exit_info_2 = read_field(VMCS_GUEST_PHYSICAL);
		if (work->exit_code != work->call_exit)
			break;
		work->passes++;
	} while (cmd->passes ? work->passes < cmd->passes : !cmd->stop);
	return 0;
}
