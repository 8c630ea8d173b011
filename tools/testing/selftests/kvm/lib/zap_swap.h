/* SPDX-License-Identifier: GPL-2.0-only */
/* Swap space for tests that have memory reclaimed: the host's own, or a zram device. */
#ifndef KVM_ZAP_SWAP_H
#define KVM_ZAP_SWAP_H

/* Make sure that there is swap: NULL, or why there is none. */
const char *zap_swap_begin(void);

/* Take away what zap_swap_begin() made. */
void zap_swap_end(void);

#endif
