/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory whose pages are supplied late (userfaultfd), so that a vCPU's page fault there
 * takes as long as a test wants. On failure, functions print a message and exit.
 */
#ifndef KVM_ZAP_HOLD_H
#define KVM_ZAP_HOLD_H

#include <pthread.h>
#include <stdint.h>

#define HOLD_PAGES	16

struct hold {
	char *mem;		/* of HOLD_PAGES pages of 4 KiB, all missing */
	int fd;
	pthread_t thread;
	/* Set these before the page is touched: each can be held once. */
	unsigned int ms[HOLD_PAGES];
	void (*meanwhile)(void);	/* called once a page is held, unless NULL */
	/* What came of it; valid once the vCPU has gone on. */
	uint64_t from_ns[HOLD_PAGES];	/* the fault has begun by then */
	uint64_t held_ns[HOLD_PAGES];	/* it has waited for so long, and longer */
};

/* Skip the test where this cannot be had; to be called before it starts. */
void hold_need(void);

void hold_create(struct hold *hold);
void hold_destroy(struct hold *hold);

#endif
