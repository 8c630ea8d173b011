/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-zap compare guest-...: a guest of this program's own under QEMU. It is compared
 * like an existing VM, except that a run is a number of rounds of the guest's work.
 */
#ifndef KVM_ZAP_COMPARE_GUEST_H
#define KVM_ZAP_COMPARE_GUEST_H

#include "compare.h"

/* @words are a guest's name and options; exits on wrong usage. False: they are not. */
bool compare_guest_parse(struct compare *c, char **words);

/* Starts it and waits until it is ready; @vms are read anew. */
int compare_guest_open(struct compare *c, struct desk_vms *vms);

/* What it is to do in a run of policy @run. */
int compare_guest_work(struct compare *c, unsigned int run);
void compare_guest_close(struct compare *c);

/* What the guest itself saw (compare_latency.c). --------------------------- */

struct compare_latency {
	uint64_t count, max_us;
	uint64_t longer;		/* than the histogram goes */
	uint32_t *histogram;		/* by microsecond; NULL: nothing was measured */
	double *maxima;			/* of each of its runs */
	size_t nr_maxima;
};

/* Adds what cyclictest wrote as JSON, in @text. */
bool compare_latency_add(struct compare_latency *latency, const char *text);
void compare_latency_print(const struct compare *c);
struct json_object *compare_latency_json(const struct compare *c);

#endif
