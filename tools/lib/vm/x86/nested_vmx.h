/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Definitions of VMX for nested_vmx.c and nested_guest_vmx.c: Intel 64 and IA-32
 * Architectures Software Developer's Manual, volume 3, chapters on VMX and appendices A,
 * B and C.
 */
#ifndef KVM_ZAP_NESTED_VMX_H
#define KVM_ZAP_NESTED_VMX_H

/* Encodings of the VMCS's fields. */
#define VMCS_GUEST_SELECTOR	0x0800	/* ES, CS, SS, DS, FS, GS, LDTR, TR: 2 apart */
#define VMCS_HOST_ES		0x0c00
#define VMCS_HOST_CS		0x0c02
#define VMCS_HOST_SS		0x0c04
#define VMCS_HOST_DS		0x0c06
#define VMCS_HOST_FS		0x0c08
#define VMCS_HOST_GS		0x0c0a
#define VMCS_HOST_TR		0x0c0c
#define VMCS_EPTP		0x201a
#define VMCS_GUEST_PHYSICAL	0x2400
#define VMCS_LINK		0x2800
#define VMCS_GUEST_DEBUGCTL	0x2802
#define VMCS_PIN_CONTROLS	0x4000
#define VMCS_PROC_CONTROLS	0x4002
#define VMCS_EXCEPTIONS		0x4004
#define VMCS_PF_MASK		0x4006
#define VMCS_PF_MATCH		0x4008
#define VMCS_CR3_TARGETS	0x400a
#define VMCS_EXIT_CONTROLS	0x400c
#define VMCS_EXIT_MSR_STORES	0x400e
#define VMCS_EXIT_MSR_LOADS	0x4010
#define VMCS_ENTRY_CONTROLS	0x4012
#define VMCS_ENTRY_MSR_LOADS	0x4014
#define VMCS_ENTRY_EVENT	0x4016
#define VMCS_PROC_CONTROLS_2	0x401e
#define VMCS_INSTRUCTION_ERROR	0x4400
#define VMCS_EXIT_REASON	0x4402
#define VMCS_GUEST_LIMIT	0x4800	/* as the selectors, then GDTR, IDTR */
#define VMCS_GUEST_RIGHTS	0x4814	/* as the selectors */
#define VMCS_GUEST_INTERRUPTIBLE 0x4824
#define VMCS_GUEST_ACTIVITY	0x4826
#define VMCS_GUEST_SYSENTER_CS	0x482a
#define VMCS_HOST_SYSENTER_CS	0x4c00
#define VMCS_CR0_MASK		0x6000
#define VMCS_CR4_MASK		0x6002
#define VMCS_CR0_SHADOW		0x6004
#define VMCS_CR4_SHADOW		0x6006
#define VMCS_QUALIFICATION	0x6400
#define VMCS_GUEST_CR0		0x6800
#define VMCS_GUEST_CR3		0x6802
#define VMCS_GUEST_CR4		0x6804
#define VMCS_GUEST_BASE		0x6806	/* as the limits */
#define VMCS_GUEST_DR7		0x681a
#define VMCS_GUEST_RSP		0x681c
#define VMCS_GUEST_RIP		0x681e
#define VMCS_GUEST_RFLAGS	0x6820
#define VMCS_GUEST_PENDING_DEBUG 0x6822
#define VMCS_GUEST_SYSENTER_ESP	0x6824
#define VMCS_GUEST_SYSENTER_EIP	0x6826
#define VMCS_HOST_CR0		0x6c00
#define VMCS_HOST_CR3		0x6c02
#define VMCS_HOST_CR4		0x6c04
#define VMCS_HOST_FS_BASE	0x6c06
#define VMCS_HOST_GS_BASE	0x6c08
#define VMCS_HOST_TR_BASE	0x6c0a
#define VMCS_HOST_GDTR_BASE	0x6c0c
#define VMCS_HOST_IDTR_BASE	0x6c0e
#define VMCS_HOST_SYSENTER_ESP	0x6c10
#define VMCS_HOST_SYSENTER_EIP	0x6c12
#define VMCS_HOST_RSP		0x6c14
#define VMCS_HOST_RIP		0x6c16

#define EXIT_REASON_VMCALL	18
#define EXIT_ENTRY_FAILED	0x80000000UL	/* L2 did not run: still to be launched */

#define CR4_VMXE		0x2000UL

/* `exit_code` where L1 did not get as far: which instruction failed, with what error. */
#define VMX_FAILED		0x100000000UL
enum vmx_step {
	VMX_VMXON, VMX_VMCLEAR, VMX_VMPTRLD, VMX_VMWRITE, VMX_INVEPT, VMX_VMLAUNCH, VMX_VMRESUME,
	VMX_STEPS
};

#endif
