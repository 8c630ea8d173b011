// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest page tables: 4 levels of x86-64, which the host writes into guest memory.
 */
#include <stdlib.h>
#include <string.h>

#include "vm_internal.h"

#define PTE_PRESENT	0x001UL
#define PTE_WRITE	0x002UL
#define PTE_ACCESSED	0x020UL
#define PTE_DIRTY	0x040UL
#define PTE_LARGE	0x080UL
#define PTE_ADDR	0x000ffffffffff000UL

/* Memory that tables are taken from; the first of the list is the current one. */
struct arena {
	struct arena *next;
	uint64_t gpa;
	unsigned char *hva;
	size_t bytes;
	size_t used;
};

struct guest_pt {
	struct vm *vm;
	struct arena *arenas;
	uint64_t root;
};

static uint64_t *table_hva(struct guest_pt *pt, uint64_t gpa)
{
	struct arena *a;

	for (a = pt->arenas; a; a = a->next)
		if (gpa >= a->gpa && gpa - a->gpa < a->bytes)
			return (uint64_t *)(a->hva + (gpa - a->gpa));
	/* Tables only ever come from an arena: the guest overwrote one. */
	vm_die("guest page tables: an entry points to 0x%lx, where no table was put", gpa);
}

static uint64_t table_alloc(struct guest_pt *pt)
{
	struct arena *a = pt->arenas;
	uint64_t gpa;

	if (a->bytes - a->used < SZ_4K)
		vm_die("guest page tables: the %zu bytes at 0x%lx are full", a->bytes, a->gpa);
	gpa = a->gpa + a->used;
	memset(a->hva + a->used, 0, SZ_4K);
	a->used += SZ_4K;
	return gpa;
}

static unsigned int pt_index(uint64_t gva, int level)
{
	return (gva >> (12 + 9 * (level - 1))) & 511;
}

/* The entry for @gva at @level; NULL if a table on the way is not there. */
static uint64_t *entry(struct guest_pt *pt, uint64_t gva, int level, bool alloc,
		       uint64_t *gpa)
{
	uint64_t table = pt->root;
	int l;

	for (l = 4; l > level; l--) {
		uint64_t *e = table_hva(pt, table) + pt_index(gva, l);

		if (!(*e & PTE_PRESENT)) {
			if (!alloc)
				return NULL;
			*e = table_alloc(pt) | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
		} else if (*e & PTE_LARGE) {
			if (!alloc)
				return NULL;
			vm_die("guest page tables: 0x%lx is mapped by a larger page already",
			       gva);
		}
		table = *e & PTE_ADDR;
	}
	if (gpa)
		*gpa = table + 8 * pt_index(gva, level);
	return table_hva(pt, table) + pt_index(gva, level);
}

void guest_pt_arena(struct guest_pt *pt, uint64_t gpa, void *hva, size_t bytes)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (!a)
		vm_die("out of memory");
	if (gpa % SZ_4K || bytes % SZ_4K || !bytes)
		vm_die("guest page tables: 0x%zx bytes at 0x%lx are not whole 4K pages",
		       bytes, gpa);
	a->gpa = gpa;
	a->hva = hva;
	a->bytes = bytes;
	a->next = pt->arenas;
	pt->arenas = a;
}

struct guest_pt *guest_pt_create(struct vm *vm, uint64_t gpa, void *hva, size_t bytes)
{
	struct guest_pt *pt = calloc(1, sizeof(*pt));

	if (!pt)
		vm_die("out of memory");
	pt->vm = vm;
	guest_pt_arena(pt, gpa, hva, bytes);
	pt->root = table_alloc(pt);
	/* The library's slot is made of 2M pages whatever the VM's page size. */
	guest_pt_map(pt, VM_SYS_GPA, VM_SYS_GPA, vm->sys_bytes, VM_2M);
	return pt;
}

void guest_pt_free(struct guest_pt *pt)
{
	struct arena *a, *next;

	if (!pt)
		return;
	for (a = pt->arenas; a; a = next) {
		next = a->next;
		free(a);
	}
	free(pt);
}

void guest_pt_map(struct guest_pt *pt, uint64_t gva, uint64_t gpa, uint64_t bytes,
		  unsigned long page)
{
	int level;

	if (!page)
		page = pt->vm->guest_page;
	if (page != VM_4K && page != VM_2M)
		vm_die("guest page size %lu: only %lu and %lu are known", page, VM_4K, VM_2M);
	if (gva % page || gpa % page || bytes % page)
		vm_die("guest page tables: 0x%lx -> 0x%lx, 0x%lx bytes: not aligned to 0x%lx",
		       gva, gpa, bytes, page);
	level = page == VM_2M ? 2 : 1;

	for (; bytes; bytes -= page, gva += page, gpa += page) {
		uint64_t *e = entry(pt, gva, level, true, NULL);

		if (level == 2 && (*e & PTE_PRESENT) && !(*e & PTE_LARGE))
			vm_die("guest page tables: 0x%lx is mapped by 4K pages already", gva);
		/*
		 * Accessed and dirty from the start, as in a kernel's own map:
		 * shadow paging would otherwise write-protect each page first.
		 */
		*e = gpa | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY |
		     (level == 2 ? PTE_LARGE : 0);
	}
}

uint64_t guest_pt_entry(struct guest_pt *pt, uint64_t gva, int level, uint64_t *value)
{
	uint64_t gpa = 0;
	uint64_t *e = entry(pt, gva, level, false, &gpa);

	if (e && value)
		*value = *e;
	return gpa;
}

uint64_t guest_pt_root(struct guest_pt *pt)
{
	return pt->root;
}
