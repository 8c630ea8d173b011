/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VM that records what was touched, so that a test knows what KVM maps and how
 * many page tables that takes. On failure, functions print a message and exit.
 */
#ifndef KVM_ZAP_SMALL_VM_H
#define KVM_ZAP_SMALL_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "vm.h"

enum { RAM, ROM, TABLES };

/*
 * Touch whole groups of 8 pages: outside the TDP MMU a fault maps the others
 * of its group as well. So what was touched is what is mapped.
 */
#define RAM_PAGES	64
#define RAM_TOUCHED	40
#define ROM_PAGES	16
#define ROM_TOUCHED	8
#define ROM_MOVED_GPA	(VM_ROM_GPA + SZ_1M)

struct small_vm {
	struct vm *vm;
	struct vcpu *vcpu;
	void *ram, *rom, *tables;
	/* What was touched: guest physical addresses or, in shadow paging, virtual ones. */
	uint64_t touched[8];
	unsigned int nr;
	unsigned int huge;	/* the first so many are mapped by 2M pages */
};

/* With slots RAM and ROM, and guest pages (and backing) of size @page: VM_4K, VM_2M. */
void small_vm_create(struct small_vm *t, unsigned long page);

/* What vm_close() leaves; small_vm_destroy() is both. */
void small_vm_free(struct small_vm *t);
void small_vm_destroy(struct small_vm *t);

/* Read from both slots, and note where, anew. */
void small_vm_touch(struct small_vm *t);

/* Note that something else was touched. */
void small_vm_touched(struct small_vm *t, uint64_t address);

/* KVM's tables below the root, which stays: one for each range of addresses touched. */
unsigned int small_vm_tables(struct small_vm *t);

#endif
