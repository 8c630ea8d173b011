// SPDX-License-Identifier: GPL-2.0-only
/* Where the VM library has no nested guests: why there are none. See guest_l2.h. */
#include "guest_l2.h"

const char *guest_l2_unusable(struct vm *vm)
{
	(void)vm;
	return "a nested guest needs x86";
}

void guest_l2_create(struct guest_l2 *l2, const struct guest_ram *ram, uint64_t bytes)
{
	(void)l2;
	(void)ram;
	vm_die("a nested guest of %lu bytes needs x86", bytes);
}

void guest_l2_touch(const struct guest_l2 *l2, const struct guest_ram *ram)
{
	(void)l2;
	(void)ram;
}

void guest_l2_release(struct guest_l2 *l2)
{
	(void)l2;
}
