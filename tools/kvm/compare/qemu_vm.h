/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of kvm-zap compare: QEMU with a kernel of Debian and the initramfs of
 * guest-initrd, which executes commands. All channels to it are file descriptors, so no
 * file is left behind.
 *
 * Functions that fail have printed why. A signal ends them as well: compare_stopped.
 */
#ifndef KVM_ZAP_QEMU_VM_H
#define KVM_ZAP_QEMU_VM_H

#include <stdbool.h>
#include <sys/types.h>

#include "desk_qmp.h"

struct qemu_options {
	const char *qemu, *kernel, *modules, *accel;
	unsigned long mib, cpus;
	const char *cyclictest;		/* a path, or NULL: none */
	double seconds;			/* that a guest has to boot, or to answer */
};

struct qemu_vm {
	pid_t pid;
	struct desk_qmp *qmp;
	int talk;			/* the guest's second serial port */
	int console, log;		/* what the guest's kernel and QEMU said */
	double seconds;
	char *buf;			/* what it said and was not read yet */
	size_t used;
};

/*
 * Starts QEMU with @devices besides, words of its command line that NULL ends, and the guest
 * with @guest_modules, and waits until it is ready. A status of enum desk_exit.
 */
int qemu_start(struct qemu_vm *vm, const struct qemu_options *options, const char *name,
	       const char * const *devices, const char * const *guest_modules);

/* Asks the guest for @what: what it printed, in memory of its own. NULL: it failed. */
char *qemu_ask(struct qemu_vm *vm, const char *what);

/* The same of QEMU; @arguments as for printf(), a JSON object. */
struct json_object *qemu_tell(struct qemu_vm *vm, const char *command, const char *arguments, ...)
	__attribute__((format(printf, 3, 4)));

/* Ends QEMU. May be called of one that was not started, and again. */
void qemu_stop(struct qemu_vm *vm);

#endif
