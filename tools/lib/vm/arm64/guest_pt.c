// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest page tables: all addresses of the guest one to one, by blocks of 1 GiB. The host
 * writes them once. See vm_arch.h.
 */
#include <stdlib.h>

#include "vm_internal.h"

/* A table has 512 entries: of level 0, there are two, for 512 GiB each. */
#define ENTRIES		512
#define TOP_ENTRIES	2

#define DESC_TABLE	0x003UL
#define DESC_BLOCK	0x001UL		/* writable at EL1, attributes 0 of MAIR_EL1 */
#define DESC_SHARED	0x300UL		/* inner shareable */
#define DESC_ACCESSED	0x400UL

struct guest_pt {
	struct vm *vm;
	uint64_t root;
};

struct guest_pt *guest_pt_create(struct vm *vm, uint64_t gpa, void *hva, size_t bytes)
{
	struct guest_pt *pt = calloc(1, sizeof(*pt));
	uint64_t *top = hva, *blocks = top + ENTRIES;
	uint64_t i;

	if (!pt)
		vm_die("out of memory");
	if (vm->pt)
		vm_die("guest page tables: more than one set of them needs x86");
	if (bytes < (1 + TOP_ENTRIES) * SZ_4K)
		vm_die("guest page tables: %zu bytes are too few", bytes);
	for (i = 0; i < TOP_ENTRIES; i++)
		top[i] = (gpa + (1 + i) * SZ_4K) | DESC_TABLE;
	for (i = 0; i < TOP_ENTRIES * ENTRIES; i++)
		blocks[i] = i * SZ_1G | DESC_BLOCK | DESC_SHARED | DESC_ACCESSED;
	pt->vm = vm;
	pt->root = gpa;
	return pt;
}

void guest_pt_free(struct guest_pt *pt)
{
	free(pt);
}

void guest_pt_arena(struct guest_pt *pt, uint64_t gpa, void *hva, size_t bytes)
{
	(void)pt;
	(void)hva;
	vm_die("guest page tables: 0x%zx bytes at 0x%lx for more of them need x86", bytes, gpa);
}

void guest_pt_map(struct guest_pt *pt, uint64_t gva, uint64_t gpa, uint64_t bytes,
		  unsigned long page)
{
	(void)page;
	if (gva != gpa)
		vm_die("guest page tables: 0x%lx -> 0x%lx: another address needs x86", gva, gpa);
	if (gpa + bytes > 1UL << pt->vm->gpa_bits)
		vm_die("guest page tables: 0x%lx bytes at 0x%lx do not fit into %u bits", bytes,
		       gpa, pt->vm->gpa_bits);
}

uint64_t guest_pt_entry(struct guest_pt *pt, uint64_t gva, int level, uint64_t *value)
{
	(void)pt;
	(void)value;
	vm_die("guest page tables: the entry of 0x%lx at level %d needs x86", gva, level);
}

uint64_t guest_pt_root(struct guest_pt *pt)
{
	return pt->root;
}
