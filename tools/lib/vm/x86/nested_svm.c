// SPDX-License-Identifier: GPL-2.0-only
/* The host's side of a nested guest with AMD's SVM. See nested.h. */
#include <stdio.h>
#include <string.h>

#include "nested_internal.h"
#include "nested_svm.h"

#define CPUID_NPT_LEAF	0x8000000aU
#define CPUID_NPT_EDX	(1U << 0)

/*
 * Present, writable, user (as which nested walks count), accessed, dirty: set
 * from the start, as shadow paging would write-protect a page that is not.
 */
#define NPTE_FLAGS	0x067UL

static const char *unusable(struct vm *vm)
{
	const struct kvm_cpuid_entry2 *npt = nested_cpuid(vm, CPUID_NPT_LEAF);

	if (!npt || !(npt->edx & CPUID_NPT_EDX))
		return "KVM offers guests SVM, but no nested paging (kvm-amd has npt=0)";
	return NULL;
}

static void put32(struct nested *n, unsigned int offset, uint32_t value)
{
	memcpy(n->ctl + CTL_CONTROL + offset, &value, sizeof(value));
}

static void put64(struct nested *n, unsigned int offset, uint64_t value)
{
	memcpy(n->ctl + CTL_CONTROL + offset, &value, sizeof(value));
}

static void put_segment(struct nested *n, unsigned int offset, uint16_t selector, uint16_t attr)
{
	put32(n, offset, selector | (uint32_t)attr << 16);
	put32(n, offset + 4, 0xffffffff);
	put64(n, offset + 8, 0);
}

static void init(struct nested *n, struct vm *vm)
{
	(void)vm;
	memset(n->ctl + CTL_CONTROL, 0, SZ_4K);
	put32(n, VMCB_INTERCEPT_EXC, 0xffffffff);
	put32(n, VMCB_INTERCEPT_1, INTERCEPT_1_HLT | INTERCEPT_1_SHUTDOWN);
	put32(n, VMCB_INTERCEPT_2, INTERCEPT_2_VMRUN | INTERCEPT_2_VMMCALL);
	put32(n, VMCB_ASID, 1);
	/* The host changes the NPT as it likes: leave nothing of it in any TLB. */
	n->ctl[CTL_CONTROL + VMCB_TLB_CONTROL] = TLB_FLUSH_ALL;
	put64(n, VMCB_NP_ENABLE, 1);

	put_segment(n, VMCB_CS, 0x08, SEGMENT_CODE64);
	put_segment(n, VMCB_SS, 0x10, SEGMENT_DATA);
	put_segment(n, VMCB_DS, 0x10, SEGMENT_DATA);
	put_segment(n, VMCB_ES, 0x10, SEGMENT_DATA);
	put64(n, VMCB_EFER, EFER_SVME | EFER_LME_LMA);
	put64(n, VMCB_CR0, CR0_PE_ET_NE_WP_PG);
	put64(n, VMCB_CR3, guest_pt_root(n->pt));
	put64(n, VMCB_CR4, CR4_PAE);
	put64(n, VMCB_DR6, DR6_DEFAULT);
	put64(n, VMCB_DR7, DR7_DEFAULT);
	put64(n, VMCB_RFLAGS, 2);
	put64(n, VMCB_G_PAT, PAT_DEFAULT);
}

static void root(struct nested *n, uint64_t gpa)
{
	put64(n, VMCB_N_CR3, gpa);
}

static void describe_exit(const struct nested_work *work, char *text, size_t bytes)
{
	snprintf(text, bytes, "VMEXIT 0x%lx, EXITINFO1 0x%lx, EXITINFO2 0x%lx", work->exit_code,
		 work->exit_info_1, work->exit_info_2);
}

const struct nested_vendor nested_svm = {
	.unusable = unusable,
	.init = init,
	.root = root,
	.describe_exit = describe_exit,
	.call_exit = VMEXIT_VMMCALL,
	.table = NPTE_FLAGS,
	.leaf = NPTE_FLAGS,
	.l1 = nested_svm_l1,
	.l2 = nested_svm_l2,
};
