// SPDX-License-Identifier: GPL-2.0-only
/*
 * Not a test by itself. It executes a known number of instructions between marks, and
 * tools/testing/selftests/arm64_count_test.sh compares that number with what 'lab run
 * --count' counts. That script also says what the numbers of the marks stand for. An
 * interrupt of the host is counted as well, so each section runs a few times: at least
 * one of these runs has no interrupt.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "vm.h"

#define TRIES	20
#define TIMES	200
#define CALLS	50
#define PAGES	512UL

/* At EL0: 4 instructions each time, of which a DSB and a DC ZVA, and one before. */
static void user(void *memory)
{
	unsigned long n;

	MARK_BEGIN();
	asm volatile("	mov %0, %2\n"
		     "1: dsb ish\n"
		     "	dc zva, %1\n"
		     "	subs %0, %0, #1\n"
		     "	b.ne 1b\n" : "=&r"(n) : "r"(memory), "i"(TIMES) : "memory", "cc");
	MARK_END(3);
}

/* A memslot of 4 KiB pages, all of which are mapped, goes. */
static void delete(struct vm *vm, void *memory)
{
	vm_slot(vm, 1, VM_RAM, memory, PAGES * PAGE);
	vm_run(vm, guest_write, VM_RAM, VM_RAM + PAGES * PAGE, NULL);
	MARK_BEGIN();
	vm_slot(vm, 1, VM_RAM, NULL, 0);
	MARK_END(4);
}

int main(void)
{
	void *memory = vm_alloc(PAGES * PAGE);
	struct vm vm;
	int i;

	vm_create(&vm);
	vm_slot(&vm, 1, VM_RAM, memory, PAGES * PAGE);
	*(char *)memory = 0;
	for (i = 0; i < TRIES; i++) {
		vm_run(&vm, guest_barriers, VM_RAM, TIMES, NULL);
		vm_run(&vm, guest_calls, 0, CALLS, NULL);
		user(memory);
	}
	vm_slot(&vm, 1, VM_RAM, NULL, 0);
	delete(&vm, memory);
	vm_destroy(&vm);
	printf("times=%d calls=%d pages=%lu\n", TIMES, CALLS, PAGES);
	return 0;
}
