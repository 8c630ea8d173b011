// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's side of a nested guest: it writes into guest memory what L1 owns for its L2.
 * nested_svm.c and nested_vmx.c have what differs between SVM and VMX. See nested.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nested_internal.h"

#define CPUID_VMX_LEAF	0x00000001U
#define CPUID_VMX_ECX	(1U << 5)
#define CPUID_SVM_LEAF	0x80000001U
#define CPUID_SVM_ECX	(1U << 2)

/* In any format of nested page tables. */
#define ENTRY_LARGE	0x080UL
#define ENTRY_ADDRESS	0x000ffffffffff000UL

const struct kvm_cpuid_entry2 *nested_cpuid(struct vm *vm, uint32_t function)
{
	unsigned int i;

	for (i = 0; i < vm->arch.cpuid->nent; i++)
		if (vm->arch.cpuid->entries[i].function == function)
			return &vm->arch.cpuid->entries[i];
	return NULL;
}

static const struct nested_vendor *vendor_of(struct vm *vm)
{
	const struct kvm_cpuid_entry2 *svm = nested_cpuid(vm, CPUID_SVM_LEAF);
	const struct kvm_cpuid_entry2 *vmx = nested_cpuid(vm, CPUID_VMX_LEAF);

	if (svm && (svm->ecx & CPUID_SVM_ECX))
		return &nested_svm;
	if (vmx && (vmx->ecx & CPUID_VMX_ECX))
		return &nested_vmx;
	return NULL;
}

const char *nested_unusable(struct vm *vm)
{
	const struct nested_vendor *vendor = vendor_of(vm);

	if (!vendor)
		return "KVM offers guests neither SVM nor VMX (kvm-amd or kvm-intel has nested=0)";
	return vendor->unusable(vm);
}

const char *nested_unusable_here(void)
{
	struct vm *vm = vm_create(NULL);
	const char *why = nested_unusable(vm);

	vm_destroy(vm);
	return why;
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
	n->vendor = vendor_of(vm);
	if (!n->vendor)
		vm_die("nested guest: %s", nested_unusable(vm));
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

	n->work = (struct nested_work *)(n->ctl + CTL_WORK);
	n->work->control = gpa + CTL_CONTROL;
	n->work->host = gpa + CTL_HOST;
	n->work->rip = code_gpa(n, (const void *)n->vendor->l2);
	n->work->rsp = gpa + CTL_STACK + SZ_4K;
	n->work->call_exit = n->vendor->call_exit;
	n->vendor->init(n, vm);
	return n;
}

void nested_free(struct nested *n)
{
	guest_pt_free(n->pt);
	free(n);
}

uint64_t nested_table_entry(const struct nested *n, uint64_t gpa)
{
	return gpa | n->vendor->table;
}

uint64_t nested_page_entry(const struct nested *n, uint64_t gpa, unsigned long page)
{
	return gpa | n->vendor->leaf | (page == VM_2M ? ENTRY_LARGE : 0);
}

void nested_changed(struct nested *n)
{
	if (n->vendor->changed)
		n->vendor->changed(n);
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
				*entry = nested_table_entry(n, npt_table(n));
			table = *entry & ENTRY_ADDRESS;
		}
		*entry = nested_page_entry(n, gpa, page);
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
	n->vendor->root(n, npt_table(n));
	nested_changed(n);
	npt_map(n, n->gpa + CTL_WORK, n->gpa + CTL_WORK, n->ctl_bytes - CTL_WORK, VM_4K);
}

void nested_map_by(struct nested *n, uint64_t l2, uint64_t gpa, uint64_t bytes,
		   unsigned long page)
{
	if (l2 % SZ_2M || gpa % page || bytes % page)
		vm_die("nested guest: 0x%lx -> 0x%lx, 0x%lx bytes: not aligned", l2, gpa, bytes);
	npt_map(n, l2, gpa, bytes, page);
	nested_changed(n);
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
		.start = code_gpa(n, (const void *)n->vendor->l1),
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
	return n->work->exit_code == n->work->call_exit ? 0 : -EFAULT;
}

const char *nested_exit(struct nested *n)
{
	static __thread char text[128];

	n->vendor->describe_exit(n->work, text, sizeof(text));
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
