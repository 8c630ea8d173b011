/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the files of nested.h share: the common ones (nested.c,
 * nested_guest.c) and, for SVM and VMX each, the host's side (nested_svm.c, nested_vmx.c)
 * and L1's (nested_guest_svm.c, nested_guest_vmx.c).
 */
#ifndef KVM_ZAP_NESTED_INTERNAL_H
#define KVM_ZAP_NESTED_INTERNAL_H

#include "nested.h"

/* Offsets in the control structures' memory. L2 sees it from CTL_WORK on. */
#define CTL_CONTROL	0x0000UL	/* VMCB or VMCS */
#define CTL_HOST	0x1000UL	/* host save area or VMXON region */
#define CTL_WORK	0x2000UL
#define CTL_STACK	0x3000UL
#define CTL_CODE	0x4000UL
#define CTL_L2_PT	0x5000UL

/* A VMCS cannot be written but by VMWRITE: L1 does that for the host. */
struct nested_field {
	uint64_t encoding;
	uint64_t value;
};

#define NESTED_FIELDS	96

/* A page that host, L1 and L2 see at the same address. */
struct nested_work {
	/* By the host. */
	uint64_t control;	/* gpa of VMCB or VMCS */
	uint64_t host;		/* gpa of the host save area or VMXON region */
	uint64_t rip;		/* where L2 starts each pass */
	uint64_t rsp;
	uint64_t call_exit;	/* exit code of L2's call at the end of a pass */
	uint64_t op;		/* GUEST_OP_* */
	uint64_t start;
	uint64_t count;
	uint64_t stride;
	uint64_t value;

	/* By L1. */
	uint64_t passes;	/* completed */
	uint64_t exit_code;	/* of the last time that L2 ran */
	uint64_t exit_info_1;
	uint64_t exit_info_2;

	/* By L2. */
	uint64_t result;	/* READ: sum; CHECK: mismatches */
	uint64_t bad_gva;	/* first mismatch, and what was there */
	uint64_t bad_value;

	/* For VMX: what L1 has to do before it runs L2; L1 zeroes the last two. */
	struct nested_field field[NESTED_FIELDS];
	uint64_t fields;	/* VMWRITE as many */
	uint64_t invept;	/* INVEPT, all contexts */
	/* By L1. */
	uint64_t ready;		/* the VMCS is clear, and has L1's own state */
	uint64_t launched;
};

/* SVM or VMX. */
struct nested_vendor {
	const char *(*unusable)(struct vm *vm);
	/* Write what L1 starts L2 by; nested_root() has it map something. */
	void (*init)(struct nested *n, struct vm *vm);
	void (*root)(struct nested *n, uint64_t gpa);
	/* Forget translations before L2 runs again; NULL where that is always done. */
	void (*changed)(struct nested *n);
	void (*describe_exit)(const struct nested_work *work, char *text, size_t bytes);
	uint64_t call_exit;

	/* Entries of the nested page tables: flags of one that points to a table, maps 4K. */
	uint64_t table;
	uint64_t leaf;

	/* Code of the guests. L1's is a function for GUEST_OP_CALL. */
	uint64_t (*l1)(volatile struct guest_cmd *cmd);
	void (*l2)(void);
};

extern const struct nested_vendor nested_svm, nested_vmx;

struct nested {
	const struct nested_vendor *vendor;
	uint64_t gpa;			/* of the control structures */
	unsigned char *ctl;
	size_t ctl_bytes;
	struct nested_work *work;
	struct guest_pt *pt;		/* L2's own */

	uint64_t npt_gpa;
	unsigned char *npt;
	size_t npt_bytes;
	size_t npt_used;

	uint64_t eptp_flags;		/* of VMX */
};

/* CPUID's leaf as the VM's vCPUs see it, or NULL. */
const struct kvm_cpuid_entry2 *nested_cpuid(struct vm *vm, uint32_t function);

#define CR0_PE_ET_NE_WP_PG	0x80010031UL
#define CR4_PAE			0x20UL
#define DR7_DEFAULT		0x400UL

/* The guests' code, to be copied: it refers to nothing outside of its section. */
extern const unsigned char __start_nested_guest[], __stop_nested_guest[];

#define NESTED_GUEST	__attribute__((section("nested_guest"), used, noinline))
#define NESTED_INLINE	inline __attribute__((always_inline))

/* With the first struct nested_work's address as `value` of the command. */
uint64_t nested_svm_l1(volatile struct guest_cmd *cmd);
uint64_t nested_vmx_l1(volatile struct guest_cmd *cmd);
/* With it in rdi. */
void nested_svm_l2(void);
void nested_vmx_l2(void);

static NESTED_INLINE uint64_t nested_rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr));
	return (uint64_t)hi << 32 | lo;
}

static NESTED_INLINE void nested_wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((uint32_t)value),
		     "d" ((uint32_t)(value >> 32)) : "memory");
}

#endif
