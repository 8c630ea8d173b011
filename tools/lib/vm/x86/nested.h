/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A nested guest for the VM library: the library's guest (L1) runs a guest of
 * its own (L2) with nested paging, by AMD's SVM or Intel's VMX, whichever KVM
 * offers. KVM shadows the nested page tables (NPT or EPT; "NPT" here) that L1
 * owns, also where it maps L1 itself by the TDP MMU.
 *
 * To use it, link the objects of nested*.c along with the library. One struct
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
 * are those of vm.h.
 */
#ifndef KVM_ZAP_NESTED_H
#define KVM_ZAP_NESTED_H

#include "vm.h"

/* Room for control structures, code, stack, and page tables of 4 GiB of L2. */
#define NESTED_CTL_BYTES	SZ_64K

/* A good place for L2's memory: nothing of the library's is there. */
#define NESTED_GPA		VM_RAM_GPA

/*
 * NULL if vCPUs of @vm can have a nested guest, else the reason, for a program
 * that skips. Looks at vm->arch.cpuid: that must still hold what KVM supports.
 */
const char *nested_unusable(struct vm *vm);
/* The same, of a VM that is made to find out. */
const char *nested_unusable_here(void);

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
 * What an entry of the NPT is that points to a table at @gpa, or maps a page of @page,
 * VM_4K or VM_2M: for a guest or host that writes such by itself.
 */
uint64_t nested_table_entry(const struct nested *n, uint64_t gpa);
uint64_t nested_page_entry(const struct nested *n, uint64_t gpa, unsigned long page);

/*
 * An entry that L2 may have used is another now: L1 forgets translations before it runs
 * L2 again. With SVM it always does so; with VMX only then and after nested_npt() and
 * nested_map(), as each time makes KVM load the nested page tables anew.
 */
void nested_changed(struct nested *n);

/*
 * What a vCPU has to be given, by vcpu_start() or vcpu_exec(), for its L2 to do
 * @op: GUEST_OP_READ, _WRITE, _STAMP, _CHECK, on L2 addresses. Each pass is one
 * entry of L2. When that has ended well, nested_done() returns 0 and makes @res tell
 * of L2's work, or -EFAULT if L2 left by anything but its own call: nested_exit()
 * says how.
 */
struct guest_op nested_call(struct nested *n, const struct guest_op *op);
int nested_done(struct nested *n, struct guest_result *res);

/* How L2 left the last time, in words. */
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

#endif
