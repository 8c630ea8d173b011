// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest and its nested guest have the same memslot mapped, each by page tables of its
 * own: those of the TDP MMU, and those that shadow the nested page tables. Both lose the
 * memslot when it is deleted, and both find its successor afterwards.
 *
 * What breaks without it: once a nested guest has run, the guest itself continues with
 * memory that was given to somebody else, or the other way round.
 */
#define _GNU_SOURCE
#include <string.h>

#include "ktap.h"
#include "nested.h"
#include "zap_lib.h"

enum { RAM, CTL };

#define CTL_GPA		0x90000000UL

/* L2's address is L1's: what a stamp says depends on it. */
#define BYTES		(64 * SZ_4K)
#define ROUNDS		4

static void stamp(char *memory, uint64_t value)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < BYTES; i += SZ_4K) {
		word = guest_stamp(NESTED_GPA + i, value);
		memcpy(memory + i, &word, sizeof(word));
	}
}

static void test(const char *policy)
{
	size_t ctl_bytes = NESTED_CTL_BYTES + nested_npt_bytes(SZ_2M);
	char *ctl = vm_backing_alloc(ctl_bytes, VM_4K);
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct zap_counts before, after;
	struct nested *nested;
	unsigned int round, i;
	char *memory[2];

	zap_policy(policy);
	for (i = 0; i < ARRAY_SIZE(memory); i++)
		memory[i] = vm_backing_alloc(BYTES, VM_4K);
	guest_pt_map(vm->pt, NESTED_GPA, NESTED_GPA, SZ_2M, 0);
	guest_pt_map(vm->pt, CTL_GPA, CTL_GPA, NESTED_CTL_BYTES, VM_4K);
	vm_set_slot(vm, CTL, 0, CTL_GPA, ctl_bytes, ctl);
	nested = nested_create(vm, CTL_GPA, ctl, NESTED_CTL_BYTES);
	nested_npt(nested, CTL_GPA + NESTED_CTL_BYTES, ctl + NESTED_CTL_BYTES,
		   ctl_bytes - NESTED_CTL_BYTES);
	nested_map(nested, NESTED_GPA, NESTED_GPA, BYTES);

	for (round = 1; round <= ROUNDS; round++) {
		stamp(memory[round % 2], round);
		vm_set_slot(vm, RAM, 0, NESTED_GPA, BYTES, memory[round % 2]);
		ktap_equal("words that the guest finds wrong",
			   vcpu_mismatches(vcpu, NESTED_GPA, BYTES, round, NULL), 0);
		ktap_equal("words that the nested guest finds wrong",
			   nested_mismatches(nested, vcpu, NESTED_GPA, BYTES, round, NULL), 0);
		zap_counts(vm, &before);
		vm_delete_slot(vm, RAM);
		zap_counts(vm, &after);
		zap_diff(&after, &before);
		if (!strcmp(policy, "scoped"))
			ktap_equal("zap_sptes", after.zap_sptes, 2 * BYTES / SZ_4K);
		ktap_equal("read by the guest from nowhere", vcpu_read64(vcpu, NESTED_GPA),
			   vm->mmio_value);
	}

	vm_destroy(vm);
	nested_free(nested);
	for (i = 0; i < ARRAY_SIZE(memory); i++)
		vm_backing_free(memory[i], BYTES);
	vm_backing_free(ctl, ctl_bytes);
	ktap_result("%s: guest and nested guest have a memslot mapped", policy);
}

int main(void)
{
	static const char * const policies[] = { ZAP_MEMSLOT_POLICIES };
	const char *why = vm_unusable() ? NULL : nested_unusable_here();
	unsigned int i;

	if (why)
		ktap_skip_all("%s", why);
	zap_start(ARRAY_SIZE(policies));
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		test(policies[i]);
	return ktap_end();
}
