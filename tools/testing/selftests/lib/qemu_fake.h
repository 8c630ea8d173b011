/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KVM_ZAP_QEMU_FAKE_H
#define KVM_ZAP_QEMU_FAKE_H

/*
 * What qemu_vm_test.c does when it is started as QEMU, by that command line. The guest's name
 * says how it starts: "tells" (the command line and the initramfs are in the log), "no QMP",
 * "no JSON", "early panic", "sleeps" (it is never ready), "stays" (also without the program
 * that started it). Any other is ready at once, and answers what it is asked. Returns the
 * exit status, if it ends by itself.
 */
int qemu_fake(char **argv);

#endif
