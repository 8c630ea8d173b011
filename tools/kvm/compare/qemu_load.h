/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guests of kvm-zap compare do to make the VMM delete memslots. */
#ifndef KVM_ZAP_QEMU_LOAD_H
#define KVM_ZAP_QEMU_LOAD_H

#include "qemu_vm.h"

struct qemu_load {
	const char *name, *doc;
	const char * const *devices, * const *modules;	/* as qemu_start() takes them */
	/* What QEMU has to know: a property of a kind of device, or NULL; and since when. */
	const char *device, *property, *since;
	/* Do that many rounds. False: the reason has been printed. */
	bool (*run)(struct qemu_vm *vm, unsigned long rounds);
};

/* Look up a name; NULL if there is no such guest. */
const struct qemu_load *qemu_load_find(const char *name);

/* All of them, in turn: NULL after the last one. */
const struct qemu_load *qemu_load_nth(size_t i);

/* Whether the program @qemu can do it; if not, the reason has been printed. */
bool qemu_load_check(const char *qemu, const struct qemu_load *load);

#endif
