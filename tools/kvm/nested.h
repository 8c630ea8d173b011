/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A nested guest for the VM library: the library's guest (L1) runs a guest of
 * its own (L2) by AMD SVM with nested paging. KVM shadows the nested page tables
 * (NPT) that L1 owns, also where it maps L1 itself by the TDP MMU.
 *
 * To use it, link nested.o and nested_guest.o along with the library. One struct
 * nested is the L2 of one vCPU. Shortest useful program, with a slot of @ctl at
 * CTL_GPA that L1's page tables map to the same address, and memory in slot 0:
 *
 *	struct nested *n = nested_create(vm, CTL_GPA, ctl, NESTED_CTL_BYTES);
 *
 *	nested_npt(n, NPT_GPA, npt, nested_npt_bytes(SZ_64M));
 *	nested_map(n, NESTED_GPA, VM_RAM_GPA, SZ_64M);
 *	nested_stamp(n, vcpu, NESTED_GPA, SZ_64M, 0x1234);
 *	vm_delete_slot(vm, 0);
 *	vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64M, ram);
 *	nested_check(n, vcpu, NESTED_GPA, SZ_64M, 0x1234);
 *	nested_free(n);
 *
 * "Gpa" alone is an L1 guest physical address; an L2 address is virtual and
 * physical at once, as L2's own page tables map each to itself. Units and errors
 * are those of vm.h. Layouts and codes are those of the AMD64 Architecture
 * Programmer's Manual, volume 2, chapter 15 and appendices B and C.
 */
#ifndef KVM_ZAP_NESTED_H
#define KVM_ZAP_NESTED_H

#include "vm.h"

/* Room for VMCB, host save area, code, stack, and page tables of 4 GiB of L2. */
#define NESTED_CTL_BYTES	SZ_64K

/* A good place for L2's memory: nothing of the library's is there. */
#define NESTED_GPA		VM_RAM_GPA

/*
 * NULL if vCPUs of @vm can have a nested guest, else the reason, for a program
 * that skips. Looks at vm->cpuid: that must still hold what KVM supports.
 */
const char *nested_unusable(struct vm *vm);

struct nested;

/*
 * An L2 whose control structures are in @bytes of guest memory at @gpa, host
 * address @hva, aligned to 4 KiB. L1's page tables must map them to their own
 * address (guest_pt_map()) before L2 runs. L2 cannot run before nested_npt().
 */
struct nested *nested_create(struct vm *vm, uint64_t gpa, void *hva, size_t bytes);
void nested_free(struct nested *n);

/*
 * Put the NPT into @bytes of guest memory at @gpa: a new one, which maps nothing
 * but what L2 needs of its control structures, takes the place of any before.
 * The host writes it: KVM does not notice if there was a table here that L2 has
 * used. So make it where none was, or after the slot around it was deleted.
 */
void nested_npt(struct nested *n, uint64_t gpa, void *hva, size_t bytes);

/* What nested_npt() needs for one range of @bytes, at whatever address. */
static inline size_t nested_npt_bytes(size_t bytes)
{
	/* Each level may take one more for being unaligned; the rest maps controls. */
	return (bytes / SZ_2M + bytes / SZ_1G + 12) * SZ_4K;
}

/*
 * Map @bytes of L2 at @l2 to L1's memory at @gpa, by 4K pages of the NPT,
 * writable. All must be aligned to 4 KiB, @l2 to 2 MiB. The same care as with
 * nested_npt() is due where L2 has used an entry before.
 */
void nested_map(struct nested *n, uint64_t l2, uint64_t gpa, uint64_t bytes);

/* The same by pages of @page, VM_4K or VM_2M, which all must be aligned to. */
void nested_map_by(struct nested *n, uint64_t l2, uint64_t gpa, uint64_t bytes,
		   unsigned long page);

/*
 * What a vCPU has to be given, by vcpu_start() or vcpu_exec(), for its L2 to do
 * @op: GUEST_OP_READ, _WRITE, _STAMP, _CHECK, on L2 addresses. Each pass is one
 * VMRUN. When that has ended well, nested_done() returns 0 and makes @res tell
 * of L2's work, or -EFAULT if L2 left by anything but VMMCALL: nested_exit()
 * says how.
 */
struct guest_op nested_call(struct nested *n, const struct guest_op *op);
int nested_done(struct nested *n, struct guest_result *res);

/* Of the last VMRUN: exit code, EXITINFO1, EXITINFO2, in words. */
const char *nested_exit(struct nested *n);

/* All of that in one, and any failure is printed and fatal. @res may be NULL. */
void nested_must(struct nested *n, struct vcpu *vcpu, const struct guest_op *op,
		 struct guest_result *res);

/* Shorthands of nested_must() on 4K strides, as in vm.h. */
void nested_touch(struct nested *n, struct vcpu *vcpu, uint64_t l2, uint64_t bytes);
void nested_stamp(struct nested *n, struct vcpu *vcpu, uint64_t l2, uint64_t bytes,
		  uint64_t value);
uint64_t nested_mismatches(struct nested *n, struct vcpu *vcpu, uint64_t l2, uint64_t bytes,
			   uint64_t value, struct guest_result *res);
void nested_check(struct nested *n, struct vcpu *vcpu, uint64_t l2, uint64_t bytes,
		  uint64_t value);

/* Between host, L1 and L2 (nested.c, nested_guest.c) ---------------------- */

/* A page that all three see at the same address. */
struct nested_work {
	/* By the host. */
	uint64_t vmcb;		/* gpa */
	uint64_t hsave;		/* gpa of the host save area */
	uint64_t rip;		/* where L2 starts each pass */
	uint64_t rsp;
	uint64_t op;		/* GUEST_OP_* */
	uint64_t start;
	uint64_t count;
	uint64_t stride;
	uint64_t value;

	/* By L1. */
	uint64_t passes;	/* completed */
	uint64_t exit_code;	/* of the last VMRUN */
	uint64_t exit_info_1;
	uint64_t exit_info_2;

	/* By L2. */
	uint64_t result;	/* READ: sum; CHECK: mismatches */
	uint64_t bad_gva;	/* first mismatch, and what was there */
	uint64_t bad_value;
};

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
#define CR0_PE_ET_NE_WP_PG	0x80010031UL
#define CR4_PAE			0x20UL
#define EFER_LME_LMA		0x500UL
#define DR6_DEFAULT		0xffff0ff0UL
#define DR7_DEFAULT		0x400UL
#define PAT_DEFAULT		0x0007040600070406UL

/* GUEST_OP_CALL the first with a struct nested_work's address as `value`. */
uint64_t nested_l1(volatile struct guest_cmd *cmd);
void nested_l2_entry(void);

/* All the code, to be copied. */
extern const unsigned char __start_nested_guest[], __stop_nested_guest[];

#endif
