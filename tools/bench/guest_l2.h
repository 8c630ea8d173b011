/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by workloads: a nested guest that also has the guest's memory mapped. */
#ifndef KVM_ZAP_GUEST_L2_H
#define KVM_ZAP_GUEST_L2_H

#include "guest_ram.h"

#define L2_SLOT		(RAM_SLOT + 2)

struct nested;

struct guest_l2 {
	struct nested *nested;
	uint64_t bytes;		/* of the guest's memory, from its start on */
	void *ctl;
	size_t ctl_bytes;
};

/*
 * NULL if guests of @vm can have one, else the reason. With NULL, of any VM.
 */
const char *guest_l2_unusable(struct vm *vm);

/*
 * Make one on the first vCPU of @ram, which guest_l2_unusable() has nothing to say
 * against: it maps @bytes by 4K. Its tables are in a slot of their own, L2_SLOT.
 */
void guest_l2_create(struct guest_l2 *l2, const struct guest_ram *ram, uint64_t bytes);

/* The nested guest reads all that it maps. */
void guest_l2_touch(const struct guest_l2 *l2, const struct guest_ram *ram);

/* After the VM is gone. */
void guest_l2_release(struct guest_l2 *l2);

#endif
