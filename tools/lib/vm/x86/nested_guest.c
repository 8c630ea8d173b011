// SPDX-License-Identifier: GPL-2.0-only
/*
 * L2's guest code of nested.h. It is copied into guest memory, so it refers to nothing
 * outside of its section. This requires the compiler options that the Makefile has for
 * this file.
 */
#include "nested_internal.h"

/* One pass over the range. */
NESTED_GUEST void nested_l2_pass(volatile struct nested_work *work)
{
	uint64_t address = work->start, count = work->count, stride = work->stride;
	uint64_t op = work->op, value = work->value, read, i;

	for (i = 0; i < count; i++, address += stride) {
		volatile uint64_t *at = (volatile uint64_t *)address;

		if (op == GUEST_OP_READ) {
			work->result += *at;
		} else if (op == GUEST_OP_WRITE) {
			*at = value;
		} else if (op == GUEST_OP_STAMP) {
			*at = value + (address >> 12);
		} else {
			read = *at;
			if (read == value + (address >> 12))
				continue;
			if (!work->result) {
				work->bad_gva = address;
				work->bad_value = read;
			}
			work->result++;
		}
	}
}
