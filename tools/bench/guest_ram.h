/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by workloads: a VM whose vCPUs have their own, equal parts of memory. */
#ifndef KVM_ZAP_GUEST_RAM_H
#define KVM_ZAP_GUEST_RAM_H

#include "report.h"
#include "vm.h"

#define RAM_SLOT	0

struct guest_ram {
	/* Set by the caller. */
	unsigned long vcpus;
	unsigned long mib;		/* of each vCPU; 0: none */
	unsigned long page;		/* host's: VM_4K, VM_2M */
	unsigned long guest_page;
	uint64_t more_bytes;		/* that the caller is to map beside it: 0 or more */

	struct vm *vm;
	struct vcpu **vcpu;
	void *backing;
	size_t bytes;			/* of all */
	/* VM_RAM_GPA on, vCPU after vCPU, in slot RAM_SLOT. */
};

/*
 * Exits with a clear message if the sizes do not fit the pages (status 2, with
 * the workload's @command) or the host has not that much memory (status 1).
 */
void guest_ram_check(const struct guest_ram *ram, const char *command);

/* Make the VM, its vCPUs and memory; nothing is mapped yet. */
void guest_ram_create(struct guest_ram *ram);

/* The operation @op (GUEST_OP_READ, GUEST_OP_WRITE) on all memory of vCPU @i. */
struct guest_op guest_ram_op(const struct guest_ram *ram, unsigned int i, unsigned int op);

/* The page size of the guest's own tables, as a report has it. */
const char *guest_ram_page_word(const struct guest_ram *ram);

/* Adds what most workloads are told: the memory of a vCPU, rounds, page sizes. */
void guest_ram_report(const struct guest_ram *ram, struct report *r, unsigned long iterations,
		      unsigned long warmup);

/*
 * Each vCPU touches all its memory, in threads of their own if there are
 * several. Returns the time from the first start to the last end.
 */
uint64_t guest_ram_touch(struct guest_ram *ram, unsigned int op);

/*
 * Exits if KVM's statistics say that all of it is not mapped by @ram->page, as
 * it must be after guest_ram_touch(). Adds what is mapped to @r, unless NULL.
 */
void guest_ram_check_pages(struct guest_ram *ram, struct report *r);

/* The same, with @more bytes elsewhere that are mapped by @ram->page, too. */
void guest_ram_check_more(struct guest_ram *ram, uint64_t more, struct report *r);

/* After vm_destroy() or vm_free(): the memory behind it, and the rest. */
void guest_ram_release(struct guest_ram *ram);

/* Both. */
void guest_ram_destroy(struct guest_ram *ram);

#endif
