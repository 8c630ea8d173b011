// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest on arm64 reads while memslots are deleted, created again over other
 * memory, and moved, and while its vCPU is reset. Each policy is tried, with 4 KiB pages
 * and with 2 MiB blocks, between neighbours that share a page table with the memslot.
 *
 * What breaks without it: a mapping that is left behind, or a neighbour's mapping that is
 * dropped for good, corrupts this guest, or another guest that has got the memory.
 */
#include <stdbool.h>
#include <string.h>

#include "ktap.h"
#include "zap.h"

#define PAGES	1024UL
#define BYTES	(PAGES * PAGE)
#define ROUNDS	8

static const char *policy;
static struct vm vm;

/* Each page has a value of its own, and so has each memory. */
static void fill(char *memory, uint64_t pages, uint64_t value)
{
	uint64_t i, v;

	for (i = 0; i < pages; i++) {
		v = value + i * i;
		memcpy(memory + i * PAGE, &v, sizeof(v));
	}
}

static uint64_t sum_of(uint64_t first, uint64_t pages, uint64_t value)
{
	uint64_t i, sum = 0;

	for (i = first; i < first + pages; i++)
		sum += value + i * i;
	return sum;
}

static void reads(const char *what, uint64_t gpa, uint64_t pages, uint64_t sum)
{
	uint64_t at;

	ktap_equal(what, vm_run(&vm, guest_sum, gpa, gpa + pages * PAGE, &at), sum);
	ktap_equal("where the guest left", at, VM_EXIT);
}

static void gone(uint64_t gpa, uint64_t pages)
{
	uint64_t at;

	vm_run(&vm, guest_sum, gpa, gpa + pages * PAGE, &at);
	ktap_equal("where the guest left", at, gpa);
	/* From its last page on. */
	gpa += (pages - 1) * PAGE;
	vm_run(&vm, guest_sum, gpa, gpa + PAGE, &at);
	ktap_equal("where the guest left at the last page", at, gpa);
}

/* One memory in the place of the other. */
static void in_turn(char *a, char *b, const char *what)
{
	int i;

	fill(a, PAGES, 1 << 20);
	fill(b, PAGES, 1 << 30);
	for (i = 0; i < ROUNDS; i++) {
		vm_slot(&vm, 1, VM_RAM, i % 2 ? b : a, BYTES);
		reads("sum", VM_RAM, PAGES, sum_of(0, PAGES, i % 2 ? 1 << 30 : 1 << 20));
		vm_slot(&vm, 1, VM_RAM, NULL, 0);
		gone(VM_RAM, PAGES);
	}
	ktap_result("%s: %s memory in turn", policy, what);
}

/* Memslots with borders in the middle of a table; the one in between goes and comes. */
static void in_between(char *a, char *b)
{
	static const uint64_t sizes[] = { 1, 7, 500, 512 };
	uint64_t first = 300, n, end, sum;
	size_t i;

	fill(a, PAGES, 1 << 20);
	fill(b, PAGES, 1 << 30);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		n = sizes[i];
		end = first + n;
		vm_slot(&vm, 1, VM_RAM, a, first * PAGE);
		vm_slot(&vm, 2, VM_RAM + first * PAGE, a + first * PAGE, n * PAGE);
		vm_slot(&vm, 3, VM_RAM + end * PAGE, a + end * PAGE, (PAGES - end) * PAGE);
		reads("sum of all", VM_RAM, PAGES, sum_of(0, PAGES, 1 << 20));

		vm_slot(&vm, 2, 0, NULL, 0);
		gone(VM_RAM + first * PAGE, n);
		reads("sum before", VM_RAM, first, sum_of(0, first, 1 << 20));
		reads("sum behind", VM_RAM + end * PAGE, PAGES - end,
		      sum_of(end, PAGES - end, 1 << 20));

		vm_slot(&vm, 2, VM_RAM + first * PAGE, b + first * PAGE, n * PAGE);
		sum = sum_of(0, first, 1 << 20) + sum_of(first, n, 1 << 30);
		sum += sum_of(end, PAGES - end, 1 << 20);
		reads("sum with another", VM_RAM, PAGES, sum);
		vm_slot(&vm, 2, 0, NULL, 0);
		vm_slot(&vm, 1, 0, NULL, 0);
		gone(VM_RAM, end);
		reads("sum of the rest", VM_RAM + end * PAGE, PAGES - end,
		      sum_of(end, PAGES - end, 1 << 20));
		vm_slot(&vm, 3, 0, NULL, 0);
		gone(VM_RAM, PAGES);
	}
	ktap_result("%s: between neighbours", policy);
}

static void move(char *a)
{
	uint64_t to = VM_RAM + 5 * BYTES;

	fill(a, PAGES, 1 << 20);
	vm_slot(&vm, 1, VM_RAM, a, BYTES);
	reads("sum", VM_RAM, PAGES, sum_of(0, PAGES, 1 << 20));
	vm_slot(&vm, 1, to, a, BYTES);
	gone(VM_RAM, PAGES);
	reads("sum where it is now", to, PAGES, sum_of(0, PAGES, 1 << 20));
	vm_slot(&vm, 1, to, NULL, 0);
	gone(to, PAGES);
	ktap_result("%s: a memslot moves", policy);
}

/* What the guest wrote is there after a reset, and what the VMM writes then is seen. */
static void resets(char *a, char *huge)
{
	uint64_t at, i, sum = 0;

	vm_slot(&vm, 1, VM_RAM, a, BYTES);
	vm_slot(&vm, 2, VM_RAM + BYTES, huge, BYTES);
	vm_run(&vm, guest_write, VM_RAM, VM_RAM + 2 * BYTES, &at);
	for (i = 0; i < 2 * PAGES; i++)
		sum += VM_RAM + i * PAGE;
	for (i = 0; i < 3; i++) {
		vm_reset(&vm);
		reads("sum after a reset", VM_RAM, 2 * PAGES, sum);
	}
	vm_reset(&vm);
	fill(a, PAGES, 1 << 20);
	fill(huge, PAGES, 1 << 30);
	reads("sum of what is new", VM_RAM, 2 * PAGES,
	      sum_of(0, PAGES, 1 << 20) + sum_of(0, PAGES, 1 << 30));
	vm_slot(&vm, 1, 0, NULL, 0);
	vm_slot(&vm, 2, 0, NULL, 0);
	ktap_result("%s: a vCPU is reset", policy);
}

int main(void)
{
	char *a, *b, *huge_a, *huge_b;
	int i;

	zap_need();
	a = vm_alloc(BYTES);
	b = vm_alloc(BYTES);
	huge_a = vm_alloc_huge(BYTES);
	huge_b = vm_alloc_huge(BYTES);
	ktap_start(6 * ZAP_NR_POLICIES);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set_all(policy);
		vm_create(&vm);
		in_turn(a, b, "small");
		in_turn(huge_a, huge_b, "huge");
		in_turn(a, huge_b, "small and huge");
		in_between(a, b);
		move(a);
		resets(a, huge_a);
		vm_destroy(&vm);
	}
	zap_set_all("walk");
	return ktap_end();
}
