/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Definitions of SVM for nested_svm.c and nested_guest_svm.c: AMD64 Architecture
 * Programmer's Manual, volume 2, chapter 15 and appendices B and C.
 */
#ifndef KVM_ZAP_NESTED_SVM_H
#define KVM_ZAP_NESTED_SVM_H

/* The VMCB: byte offsets of fields, 64 bits wide where nothing else is said. */
#define VMCB_INTERCEPT_EXC	0x008	/* 32 bits, one for each vector */
#define VMCB_INTERCEPT_1	0x00c	/* 32 bits */
#define VMCB_INTERCEPT_2	0x010	/* 32 bits */
#define VMCB_ASID		0x058	/* 32 bits */
#define VMCB_TLB_CONTROL	0x05c	/* 8 bits */
#define VMCB_EXIT_CODE		0x070
#define VMCB_EXIT_INFO_1	0x078
#define VMCB_EXIT_INFO_2	0x080
#define VMCB_NP_ENABLE		0x090
#define VMCB_N_CR3		0x0b0
#define VMCB_ES			0x400	/* selector, attributes, limit, base */
#define VMCB_CS			0x410
#define VMCB_SS			0x420
#define VMCB_DS			0x430
#define VMCB_EFER		0x4d0
#define VMCB_CR4		0x548
#define VMCB_CR3		0x550
#define VMCB_CR0		0x558
#define VMCB_DR7		0x560
#define VMCB_DR6		0x568
#define VMCB_RFLAGS		0x570
#define VMCB_RIP		0x578
#define VMCB_RSP		0x5d8
#define VMCB_G_PAT		0x668

/* Values of these. */
#define INTERCEPT_1_HLT		(1U << 24)
#define INTERCEPT_1_SHUTDOWN	(1U << 31)
#define INTERCEPT_2_VMRUN	(1U << 0)
#define INTERCEPT_2_VMMCALL	(1U << 1)
#define TLB_FLUSH_ALL		1
#define VMEXIT_VMMCALL		0x081
#define SEGMENT_CODE64		0xa9b	/* present, 64-bit, readable, accessed */
#define SEGMENT_DATA		0xc93	/* present, writable, accessed */

#define EFER_SVME		0x1000UL
#define EFER_LME_LMA		0x500UL
#define DR6_DEFAULT		0xffff0ff0UL
#define PAT_DEFAULT		0x0007040600070406UL

#endif
