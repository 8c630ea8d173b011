/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM with one vCPU for the tests of arm64, and the programs that it can run (guest.S).
 * No function returns an error: if the kernel refuses a call, the test ends with exit
 * status 1.
 */
#ifndef KVM_ZAP_ARM64_VM_H
#define KVM_ZAP_ARM64_VM_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE	4096UL
#define HUGE_PAGE	(512 * PAGE)

/*
 * Guest physical addresses: the guest's code, what tells guest_keep how to go on, and where
 * the guest leaves by. The tests' memslots are from VM_RAM on, at a boundary of 1 GiB, so that
 * page tables are theirs alone.
 */
#define VM_CODE	0x10000UL
#define VM_CONTROL	0x20000UL
#define VM_EXIT	0x9000000UL
#define VM_RAM	0x40000000UL

struct vm {
	int kvm, fd, vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	void *code;
	struct kvm_vcpu_init init;
};

/* A program of the guest's: it has @x in X1 to X3 when it begins. */
extern const char guest_code[], guest_code_end[];
extern const char guest_write[], guest_sum[], guest_watch[], guest_keep[], guest_barriers[];
extern const char guest_calls[];

void vm_create(struct vm *vm);
void vm_destroy(struct vm *vm);

/* @more is @vm with another vCPU in the place of its first, number @n from 1 on. */
void vm_more(const struct vm *vm, struct vm *more, unsigned int n);
void vm_less(struct vm *more);

/* Reset the vCPU, as a VMM does when the guest reboots. */
void vm_reset(struct vm *vm);

/* Memory for a memslot, not huge, zeroed. */
void *vm_alloc(size_t bytes);

/* The same of huge pages, if the kernel has them: bytes are a multiple of HUGE_PAGE. */
void *vm_alloc_huge(size_t bytes);

/*
 * A CPU has references to pages that are new, until it has a batch of them. On older kernels
 * munmap() drops those of its own; on newer ones madvise() of another page does, here for the
 * CPU that this runs on.
 */
void vm_drop_batch(void);

/* Make, move or, with no @bytes, delete memslot @slot, from 1 on. */
void vm_slot(struct vm *vm, unsigned int slot, uint64_t gpa, void *memory, size_t bytes);

/* The same where the kernel may refuse: 0 or errno. */
int vm_try_slot(struct vm *vm, unsigned int slot, uint64_t gpa, void *memory, size_t bytes);

/*
 * Run @program, one of guest.S. Returns what it wrote to VM_EXIT; *@at, if @at is no NULL,
 * is VM_EXIT, or the address without a memslot at which it left instead.
 */
uint64_t vm_run(struct vm *vm, const char *program, uint64_t x1, uint64_t x2, uint64_t *at);

/*
 * The same in steps: have @program be next; run until the guest leaves, or the kernel cannot
 * let it go on: then vm_go() returns errno, and may be called again; see what it wrote.
 */
void vm_begin(struct vm *vm, const char *program, uint64_t x1, uint64_t x2);
int vm_go(struct vm *vm);
uint64_t vm_result(struct vm *vm, uint64_t *at);

/* Marks for 'lab run --count', see tools/testing/lab/count.c. */
#define MARK_BEGIN()	asm volatile("hint #0x60" : : : "memory")
#define MARK_END(n)	asm volatile("hint #%0" : : "i"(0x60 + (n)) : "memory")

#endif
