// SPDX-License-Identifier: GPL-2.0-only
/*
 * A nested guest, the host's side: what L1 owns for its L2 is written into guest
 * memory. See nested.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nested.h"

#define CPUID_SVM_LEAF	0x80000001U
#define CPUID_SVM_ECX	(1U << 2)
#define CPUID_NPT_LEAF	0x8000000aU
#define CPUID_NPT_EDX	(1U << 0)

/* Offsets in the control structures' memory. L2 sees it from CTL_WORK on. */
#define CTL_VMCB	0x0000UL
#define CTL_HSAVE	0x1000UL
#define CTL_WORK	0x2000UL
#define CTL_STACK	0x3000UL
#define CTL_CODE	0x4000UL
#define CTL_L2_PT	0x5000UL

/*
 * Present, writable, user (as which nested walks count), accessed, dirty: set
 * from the start, as shadow paging would write-protect a page that is not.
 */
#define NPTE_FLAGS		0x067UL
#define NPTE_LARGE	0x080UL
#define NPTE_ADDR		0x000ffffffffff000UL

struct nested {
	uint64_t gpa;			/* of the control structures */
	unsigned char *ctl;
	size_t ctl_bytes;
	struct nested_work *work;
	struct guest_pt *pt;		/* L2's own */

	uint64_t npt_gpa;
	unsigned char *npt;
	size_t npt_bytes;
	size_t npt_used;
};

static const struct kvm_cpuid_entry2 *cpuid_leaf(struct vm *vm, uint32_t function)
{
	unsigned int i;

	for (i = 0; i < vm->cpuid->nent; i++)
		if (vm->cpuid->entries[i].function == function)
			return &vm->cpuid->entries[i];
	return NULL;
}

const char *nested_unusable(struct vm *vm)
{
	const struct kvm_cpuid_entry2 *svm = cpuid_leaf(vm, CPUID_SVM_LEAF);
	const struct kvm_cpuid_entry2 *npt = cpuid_leaf(vm, CPUID_NPT_LEAF);

	if (!svm || !(svm->ecx & CPUID_SVM_ECX))
		return "KVM offers guests no SVM (not an AMD CPU, or kvm-amd has nested=0)";
	if (!npt || !(npt->edx & CPUID_NPT_EDX))
		return "KVM offers guests SVM, but no nested paging (kvm-amd has npt=0)";
	return NULL;
}

static void put32(struct nested *n, unsigned int offset, uint32_t value)
{
	memcpy(n->ctl + CTL_VMCB + offset, &value, sizeof(value));
}

static void put64(struct nested *n, unsigned int offset, uint64_t value)
{
	memcpy(n->ctl + CTL_VMCB + offset, &value, sizeof(value));
}

static void put_segment(struct nested *n, unsigned int offset, uint16_t selector, uint16_t attr)
{
	put32(n, offset, selector | (uint32_t)attr << 16);
	put32(n, offset + 4, 0xffffffff);
	put64(n, offset + 8, 0);
}

static void vmcb_init(struct nested *n)
{
	memset(n->ctl + CTL_VMCB, 0, SZ_4K);
	put32(n, VMCB_INTERCEPT_EXC, 0xffffffff);
	put32(n, VMCB_INTERCEPT_1, INTERCEPT_1_HLT | INTERCEPT_1_SHUTDOWN);
	put32(n, VMCB_INTERCEPT_2, INTERCEPT_2_VMRUN | INTERCEPT_2_VMMCALL);
	put32(n, VMCB_ASID, 1);
	/* The host changes the NPT as it likes: leave nothing of it in any TLB. */
	n->ctl[CTL_VMCB + VMCB_TLB_CONTROL] = TLB_FLUSH_ALL;
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

/* Guest physical address of what is at @code in this program. */
static uint64_t code_gpa(struct nested *n, const void *code)
{
	return n->gpa + CTL_CODE + ((const unsigned char *)code - __start_nested_guest);
}

struct nested *nested_create(struct vm *vm, uint64_t gpa, void *hva, size_t bytes)
{
	size_t code_bytes = __stop_nested_guest - __start_nested_guest;
	struct nested *n = calloc(1, sizeof(*n));
	uint64_t large = gpa & -VM_2M;

	if (!n)
		vm_die("out of memory");
	if (gpa % SZ_4K || bytes % SZ_4K || bytes <= CTL_L2_PT)
		vm_die("nested guest: 0x%zx bytes at 0x%lx are too few, or not whole 4K pages",
		       bytes, gpa);
	if (code_bytes > CTL_L2_PT - CTL_CODE)
		vm_die("%zu bytes of nested guest code do not fit", code_bytes);
	n->gpa = gpa;
	n->ctl = hva;
	n->ctl_bytes = bytes;
	memset(n->ctl, 0, CTL_L2_PT);
	memcpy(n->ctl + CTL_CODE, __start_nested_guest, code_bytes);

	/* L2's tables hold L2 addresses: for the controls, those are L1's. */
	n->pt = guest_pt_create(vm, gpa + CTL_L2_PT, n->ctl + CTL_L2_PT, bytes - CTL_L2_PT);
	guest_pt_map(n->pt, large, large, (gpa + bytes - large + VM_2M - 1) & -VM_2M, VM_2M);

	vmcb_init(n);
	n->work = (struct nested_work *)(n->ctl + CTL_WORK);
	n->work->vmcb = gpa + CTL_VMCB;
	n->work->hsave = gpa + CTL_HSAVE;
	n->work->rip = code_gpa(n, (const void *)nested_l2_entry);
	n->work->rsp = gpa + CTL_STACK + SZ_4K;
	return n;
}

void nested_free(struct nested *n)
{
	guest_pt_free(n->pt);
	free(n);
}

static uint64_t npt_table(struct nested *n)
{
	uint64_t gpa = n->npt_gpa + n->npt_used;

	if (n->npt_bytes - n->npt_used < SZ_4K)
		vm_die("nested page tables: the %zu bytes at 0x%lx are full", n->npt_bytes,
		       n->npt_gpa);
	memset(n->npt + n->npt_used, 0, SZ_4K);
	n->npt_used += SZ_4K;
	return gpa;
}

static void npt_map(struct nested *n, uint64_t l2, uint64_t gpa, uint64_t bytes,
		    unsigned long page)
{
	int shift, last = page == VM_2M ? 21 : 12;
	uint64_t *entry, table;

	if (!n->npt)
		vm_die("nested guest: nested_npt() comes before nested_map()");
	for (; bytes; bytes -= page, l2 += page, gpa += page) {
		table = n->npt_gpa;
		for (shift = 39; ; shift -= 9) {
			entry = (uint64_t *)(n->npt + (table - n->npt_gpa)) +
				(l2 >> shift & 511);
			if (shift == last)
				break;
			if (!*entry)
				*entry = npt_table(n) | NPTE_FLAGS;
			table = *entry & NPTE_ADDR;
		}
		*entry = gpa | NPTE_FLAGS | (page == VM_2M ? NPTE_LARGE : 0);
	}
}

void nested_npt(struct nested *n, uint64_t gpa, void *hva, size_t bytes)
{
	if (gpa % SZ_4K || bytes % SZ_4K)
		vm_die("nested page tables: 0x%zx bytes at 0x%lx are not whole 4K pages",
		       bytes, gpa);
	n->npt_gpa = gpa;
	n->npt = hva;
	n->npt_bytes = bytes;
	n->npt_used = 0;
	put64(n, VMCB_N_CR3, npt_table(n));
	npt_map(n, n->gpa + CTL_WORK, n->gpa + CTL_WORK, n->ctl_bytes - CTL_WORK, VM_4K);
}

void nested_map_by(struct nested *n, uint64_t l2, uint64_t gpa, uint64_t bytes,
		   unsigned long page)
{
	if (l2 % SZ_2M || gpa % page || bytes % page)
		vm_die("nested guest: 0x%lx -> 0x%lx, 0x%lx bytes: not aligned", l2, gpa, bytes);
	npt_map(n, l2, gpa, bytes, page);
	guest_pt_map(n->pt, l2, l2, (bytes + VM_2M - 1) & -VM_2M, VM_2M);
}

void nested_map(struct nested *n, uint64_t l2, uint64_t gpa, uint64_t bytes)
{
	nested_map_by(n, l2, gpa, bytes, VM_4K);
}

struct guest_op nested_call(struct nested *n, const struct guest_op *op)
{
	struct nested_work *work = n->work;

	work->op = op->op;
	work->start = op->start;
	work->stride = op->stride ? op->stride : SZ_4K;
	work->count = (op->bytes + work->stride - 1) / work->stride;
	work->value = op->value;
	work->passes = 0;
	work->exit_code = 0;
	work->exit_info_1 = 0;
	work->exit_info_2 = 0;
	work->result = 0;
	work->bad_gva = 0;
	work->bad_value = 0;
	return (struct guest_op) {
		.op = GUEST_OP_CALL,
		.start = code_gpa(n, (const void *)nested_l1),
		.value = n->gpa + CTL_WORK,
		.passes = op->passes,
		.until_stop = op->until_stop,
	};
}

int nested_done(struct nested *n, struct guest_result *res)
{
	res->value = n->work->result;
	res->passes = n->work->passes;
	res->bad_gva = n->work->bad_gva;
	res->bad_value = n->work->bad_value;
	return n->work->exit_code == VMEXIT_VMMCALL ? 0 : -EFAULT;
}

const char *nested_exit(struct nested *n)
{
	static __thread char text[128];

	snprintf(text, sizeof(text), "VMEXIT 0x%lx, EXITINFO1 0x%lx, EXITINFO2 0x%lx",
		 n->work->exit_code, n->work->exit_info_1, n->work->exit_info_2);
	return text;
}

void nested_must(struct nested *n, struct vcpu *vcpu, const struct guest_op *op,
		 struct guest_result *res)
{
	struct guest_op call = nested_call(n, op);
	struct guest_result unused;

	if (!res)
		res = &unused;
	vcpu_must(vcpu, &call, res);
	if (nested_done(n, res))
		vm_die("vCPU %u, L2, operation %u at 0x%lx: %s", vcpu->id, op->op, op->start,
		       nested_exit(n));
}

static uint64_t l2_range(struct nested *n, struct vcpu *vcpu, unsigned int what, uint64_t l2,
			 uint64_t bytes, uint64_t value, struct guest_result *res)
{
	struct guest_op op = { .op = what, .start = l2, .bytes = bytes, .value = value };

	nested_must(n, vcpu, &op, res);
	return n->work->result;
}

void nested_touch(struct nested *n, struct vcpu *vcpu, uint64_t l2, uint64_t bytes)
{
	l2_range(n, vcpu, GUEST_OP_READ, l2, bytes, 0, NULL);
}

void nested_stamp(struct nested *n, struct vcpu *vcpu, uint64_t l2, uint64_t bytes,
		  uint64_t value)
{
	l2_range(n, vcpu, GUEST_OP_STAMP, l2, bytes, value, NULL);
}

uint64_t nested_mismatches(struct nested *n, struct vcpu *vcpu, uint64_t l2, uint64_t bytes,
			   uint64_t value, struct guest_result *res)
{
	return l2_range(n, vcpu, GUEST_OP_CHECK, l2, bytes, value, res);
}

void nested_check(struct nested *n, struct vcpu *vcpu, uint64_t l2, uint64_t bytes,
		  uint64_t value)
{
	struct guest_result res;

	if (nested_mismatches(n, vcpu, l2, bytes, value, &res))
		vm_die("vCPU %u, L2: %lu of %lu pages wrong, first 0x%lx: 0x%lx, expected 0x%lx",
		       vcpu->id, res.value, (bytes + SZ_4K - 1) / SZ_4K, res.bad_gva,
		       res.bad_value, guest_stamp(res.bad_gva, value));
}
