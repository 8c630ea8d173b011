/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that wants the CPU all the time, so that an invalidation gives mmu_lock up
 * whenever it looks whether somebody waits. On failure, functions print a message and exit.
 */
#ifndef KVM_ZAP_NAP_H
#define KVM_ZAP_NAP_H

void nap_start(void);
void nap_stop(void);

#endif
