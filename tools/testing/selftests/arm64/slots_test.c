// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest on arm64 reads a memslot, cannot reach it once it is deleted, and reads it
 * again once it has been created again. Every kernel has to pass, with or without
 * kvm-zap.
 *
 * What breaks without it: a lab in which KVM does not work at all looks like one in which
 * it does, and a policy that leaves mappings behind goes unnoticed.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "ktap.h"
#include "vm.h"

#define PAGES	1024UL
#define BYTES	(PAGES * PAGE)
#define END	(VM_RAM + BYTES)

static struct vm vm;

static void fill(char *memory, uint64_t value)
{
	uint64_t i;

	for (i = 0; i < PAGES; i++)
		memcpy(memory + i * PAGE, &value, sizeof(value));
}

/* Each page has its own address in it, as guest_write leaves it. */
static bool written(const char *memory)
{
	uint64_t i, value;

	for (i = 0; i < PAGES; i++) {
		memcpy(&value, memory + i * PAGE, sizeof(value));
		if (value != VM_RAM + i * PAGE)
			return false;
	}
	return true;
}

static void gone(const char *what)
{
	uint64_t at;

	vm_run(&vm, guest_sum, VM_RAM, END, &at);
	ktap_equal(what, at, VM_RAM);
}

int main(void)
{
	char *a = vm_alloc(BYTES), *b = vm_alloc(BYTES);
	uint64_t at;

	ktap_start(6);
	vm_create(&vm);

	vm_slot(&vm, 1, VM_RAM, a, BYTES);
	vm_run(&vm, guest_write, VM_RAM, END, &at);
	ktap_equal("where the guest left", at, VM_EXIT);
	ktap_check(written(a), "the guest's writes are not in the memslot's memory");
	ktap_result("a guest writes to a memslot");

	vm_slot(&vm, 1, VM_RAM, NULL, 0);
	gone("where the guest left without the memslot");
	ktap_check(written(a), "the memory has changed");
	ktap_result("a memslot that is deleted is out of reach, its memory as it was");

	fill(a, 1);
	fill(b, 2);
	vm_slot(&vm, 1, VM_RAM, a, BYTES);
	ktap_equal("sum of a", vm_run(&vm, guest_sum, VM_RAM, END, &at), PAGES);
	vm_slot(&vm, 1, VM_RAM, NULL, 0);
	vm_slot(&vm, 1, VM_RAM, b, BYTES);
	ktap_equal("sum of b", vm_run(&vm, guest_sum, VM_RAM, END, &at), 2 * PAGES);
	ktap_result("another memslot in its place has its own memory");

	vm_slot(&vm, 1, VM_RAM + BYTES, b, BYTES);
	gone("where the guest left at the old place");
	ktap_equal("sum at the new place", vm_run(&vm, guest_sum, END, END + BYTES, &at),
		   2 * PAGES);
	ktap_result("a memslot that moves is at its new place only");

	ktap_equal("errno of a memslot over another",
		   vm_try_slot(&vm, 2, VM_RAM + BYTES, a, BYTES), EEXIST);
	ktap_equal("sum after it", vm_run(&vm, guest_sum, END, END + BYTES, &at), 2 * PAGES);
	ktap_result("a memslot that overlaps another is refused, and changes nothing");

	/* The guest gets zeros where memory went and came back, not what it had mapped. */
	madvise(b, BYTES, MADV_DONTNEED);
	ktap_equal("sum of what was dropped", vm_run(&vm, guest_sum, END, END + BYTES, &at), 0);
	ktap_result("memory that the process drops is out of the guest's reach");

	vm_destroy(&vm);
	return ktap_end();
}
