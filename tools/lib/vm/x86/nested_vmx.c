// SPDX-License-Identifier: GPL-2.0-only
/* The host's side of a nested guest with Intel's VMX. See nested.h. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "nested_internal.h"
#include "nested_vmx.h"

/* MSRs that say what VMX can do. */
#define MSR_BASIC	0x480U
#define MSR_PIN		0x481U
#define MSR_PROC	0x482U
#define MSR_EXIT	0x483U
#define MSR_ENTRY	0x484U
#define MSR_CR0_FIXED0	0x486U
#define MSR_CR0_FIXED1	0x487U
#define MSR_CR4_FIXED0	0x488U
#define MSR_CR4_FIXED1	0x489U
#define MSR_PROC_2	0x48bU
#define MSR_EPT		0x48cU
#define MSR_TRUE_PIN	0x48dU	/* the same as 0x481 to 0x484, where MSR_BASIC says so */
#define MSR_TRUE_PROC	0x48eU
#define MSR_TRUE_EXIT	0x48fU
#define MSR_TRUE_ENTRY	0x490U

#define BASIC_REVISION	0x7fffffffUL
#define BASIC_TRUE	(1UL << 55)

#define PROC_HLT	(1U << 7)
#define PROC_2		(1U << 31)
#define PROC_2_EPT	(1U << 1)
#define EXIT_64BIT	(1U << 9)
#define ENTRY_64BIT	(1U << 9)

#define EPT_WALK_4	(1UL << 6)
#define EPT_WB		(1UL << 14)
#define EPT_2M		(1UL << 16)
#define EPT_INVEPT	(1UL << 20)
#define EPT_AD		(1UL << 21)
#define EPT_INVEPT_ALL	(1UL << 26)
#define EPT_NEEDED	(EPT_WALK_4 | EPT_WB | EPT_2M | EPT_INVEPT | EPT_INVEPT_ALL)

/* The EPT pointer: write-back, 4 levels; accessed and dirty bits. */
#define EPTP_WB_4	0x01eUL
#define EPTP_AD		0x040UL

/*
 * Readable, writable, executable, accessed; of a page also write-back and dirty. The CPU
 * ignores accessed and dirty where the EPT pointer does not ask for them.
 */
#define EPTE_TABLE	0x107UL
#define EPTE_LEAF	0x337UL

/* Access rights of segments. */
#define RIGHTS_CODE64	0xa09b	/* present, 64-bit, readable, accessed */
#define RIGHTS_DATA	0xc093	/* present, writable, accessed */
#define RIGHTS_TSS	0x008b	/* present, busy */
#define RIGHTS_NONE	0x10000

#define RFLAGS_IF	0x200UL

/* What KVM offers guests; false if it does not know the MSR. */
static bool feature_msr(struct vm *vm, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vm->kvm_fd, KVM_GET_MSRS, &msrs) != 1)
		return false;
	*value = msrs.entry.data;
	return true;
}

static uint64_t feature(struct vm *vm, uint32_t index)
{
	uint64_t value;

	if (!feature_msr(vm, index, &value))
		vm_die("KVM_GET_MSRS: KVM does not know MSR 0x%x", index);
	return value;
}

static const char *unusable(struct vm *vm)
{
	uint64_t basic, proc, proc_2, ept;

	if (!feature_msr(vm, MSR_BASIC, &basic) || !feature_msr(vm, MSR_PROC, &proc))
		return "KVM offers guests VMX, but does not say what it can do there";
	if (!((proc >> 32) & PROC_2) || !feature_msr(vm, MSR_PROC_2, &proc_2) ||
	    !((proc_2 >> 32) & PROC_2_EPT))
		return "KVM offers guests VMX, but no nested paging (kvm-intel has ept=0)";
	if (!feature_msr(vm, MSR_EPT, &ept) || (ept & EPT_NEEDED) != EPT_NEEDED)
		return "KVM offers guests VMX, but EPT without 2M pages, INVEPT or the like";
	return NULL;
}

/* L1 writes @value there before it runs L2 the next time. */
static void put(struct nested *n, uint64_t encoding, uint64_t value)
{
	struct nested_work *work = n->work;
	uint64_t i;

	for (i = 0; i < work->fields && work->field[i].encoding != encoding; i++)
		;
	if (i == NESTED_FIELDS)
		vm_die("nested guest: more than %d fields of the VMCS", NESTED_FIELDS);
	work->field[i].encoding = encoding;
	work->field[i].value = value;
	if (i == work->fields)
		work->fields++;
}

/* A word of control bits: what has to be set, and @wanted. */
static void put_controls(struct nested *n, struct vm *vm, uint64_t encoding, uint32_t msr,
			 uint32_t wanted)
{
	uint64_t allowed = feature(vm, msr);

	if (wanted & ~(allowed >> 32))
		vm_die("nested guest: of the bits 0x%x, MSR 0x%x allows 0x%lx", wanted, msr,
		       wanted & (allowed >> 32));
	put(n, encoding, wanted | (uint32_t)allowed);
}

static void put_all_controls(struct nested *n, struct vm *vm)
{
	bool more = feature(vm, MSR_BASIC) & BASIC_TRUE;

	put_controls(n, vm, VMCS_PIN_CONTROLS, more ? MSR_TRUE_PIN : MSR_PIN, 0);
	put_controls(n, vm, VMCS_PROC_CONTROLS, more ? MSR_TRUE_PROC : MSR_PROC,
		     PROC_HLT | PROC_2);
	put_controls(n, vm, VMCS_PROC_CONTROLS_2, MSR_PROC_2, PROC_2_EPT);
	put_controls(n, vm, VMCS_EXIT_CONTROLS, more ? MSR_TRUE_EXIT : MSR_EXIT, EXIT_64BIT);
	put_controls(n, vm, VMCS_ENTRY_CONTROLS, more ? MSR_TRUE_ENTRY : MSR_ENTRY,
		     ENTRY_64BIT);
	put(n, VMCS_EXCEPTIONS, 0xffffffff);
	put(n, VMCS_PF_MASK, 0);
	put(n, VMCS_PF_MATCH, 0);
	put(n, VMCS_CR3_TARGETS, 0);
	put(n, VMCS_EXIT_MSR_STORES, 0);
	put(n, VMCS_EXIT_MSR_LOADS, 0);
	put(n, VMCS_ENTRY_MSR_LOADS, 0);
	put(n, VMCS_ENTRY_EVENT, 0);
}

static void put_segments(struct nested *n)
{
	/* ES, CS, SS, DS, FS, GS, LDTR, TR; GDTR and IDTR are empty. */
	static const struct { uint32_t selector, rights, limit; } segment[] = {
		{ 0x10, RIGHTS_DATA, 0xffffffff },
		{ 0x08, RIGHTS_CODE64, 0xffffffff },
		{ 0x10, RIGHTS_DATA, 0xffffffff },
		{ 0x10, RIGHTS_DATA, 0xffffffff },
		{ 0, RIGHTS_NONE, 0 },
		{ 0, RIGHTS_NONE, 0 },
		{ 0, RIGHTS_NONE, 0 },
		{ 0x18, RIGHTS_TSS, 0x67 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(segment); i++) {
		put(n, VMCS_GUEST_SELECTOR + 2 * i, segment[i].selector);
		put(n, VMCS_GUEST_RIGHTS + 2 * i, segment[i].rights);
	}
	for (i = 0; i < ARRAY_SIZE(segment) + 2; i++) {
		put(n, VMCS_GUEST_LIMIT + 2 * i,
		    i < ARRAY_SIZE(segment) ? segment[i].limit : 0);
		put(n, VMCS_GUEST_BASE + 2 * i, 0);
	}
}

static void put_registers(struct nested *n, struct vm *vm)
{
	uint64_t cr0 = (CR0_PE_ET_NE_WP_PG | feature(vm, MSR_CR0_FIXED0)) &
		       feature(vm, MSR_CR0_FIXED1);
	uint64_t cr4 = (CR4_PAE | feature(vm, MSR_CR4_FIXED0)) & feature(vm, MSR_CR4_FIXED1);

	put(n, VMCS_GUEST_CR0, cr0);
	put(n, VMCS_CR0_MASK, 0);
	put(n, VMCS_CR0_SHADOW, cr0);
	put(n, VMCS_GUEST_CR3, guest_pt_root(n->pt));
	put(n, VMCS_GUEST_CR4, cr4);
	put(n, VMCS_CR4_MASK, 0);
	put(n, VMCS_CR4_SHADOW, cr4);
	put(n, VMCS_GUEST_DR7, DR7_DEFAULT);
	/* Interrupts enabled, for the reason that vcpu.c gives. */
	put(n, VMCS_GUEST_RFLAGS, 2 | RFLAGS_IF);
	put(n, VMCS_GUEST_DEBUGCTL, 0);
	put(n, VMCS_GUEST_PENDING_DEBUG, 0);
	put(n, VMCS_GUEST_INTERRUPTIBLE, 0);
	put(n, VMCS_GUEST_ACTIVITY, 0);
	put(n, VMCS_GUEST_SYSENTER_CS, 0);
	put(n, VMCS_GUEST_SYSENTER_ESP, 0);
	put(n, VMCS_GUEST_SYSENTER_EIP, 0);
	put(n, VMCS_LINK, ~0UL);
}

static void init(struct nested *n, struct vm *vm)
{
	uint32_t revision = feature(vm, MSR_BASIC) & BASIC_REVISION;

	memcpy(n->ctl + CTL_CONTROL, &revision, sizeof(revision));
	memcpy(n->ctl + CTL_HOST, &revision, sizeof(revision));
	n->eptp_flags = EPTP_WB_4 | (feature(vm, MSR_EPT) & EPT_AD ? EPTP_AD : 0);
	put_all_controls(n, vm);
	put_segments(n);
	put_registers(n, vm);
}

static void root(struct nested *n, uint64_t gpa)
{
	put(n, VMCS_EPTP, gpa | n->eptp_flags);
}

static void changed(struct nested *n)
{
	n->work->invept = 1;
}

static void describe_exit(const struct nested_work *work, char *text, size_t bytes)
{
	static const char * const steps[VMX_STEPS] = {
		[VMX_VMXON] = "VMXON", [VMX_VMCLEAR] = "VMCLEAR", [VMX_VMPTRLD] = "VMPTRLD",
		[VMX_VMWRITE] = "VMWRITE", [VMX_INVEPT] = "INVEPT",
		[VMX_VMLAUNCH] = "VMLAUNCH", [VMX_VMRESUME] = "VMRESUME",
	};

	if (work->exit_code == VMX_FAILED && work->exit_info_1 < VMX_STEPS)
		snprintf(text, bytes, "%s fails, VM-instruction error %lu",
			 steps[work->exit_info_1], work->exit_info_2);
	else
		snprintf(text, bytes,
			 "exit reason 0x%lx, qualification 0x%lx, guest physical address 0x%lx",
			 work->exit_code, work->exit_info_1, work->exit_info_2);
}

const struct nested_vendor nested_vmx = {
	.unusable = unusable,
	.init = init,
	.root = root,
	.changed = changed,
	.describe_exit = describe_exit,
	.call_exit = EXIT_REASON_VMCALL,
	.table = EPTE_TABLE,
	.leaf = EPTE_LEAF,
	.l1 = nested_vmx_l1,
	.l2 = nested_vmx_l2,
};
