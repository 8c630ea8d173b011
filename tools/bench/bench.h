/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A workload of kvm-zap-bench is one file, bench_NAME.c, with one structure, listed in
 * bench_list.c. Its run() takes the command line from the workload's name on and
 * returns the exit status.
 */
#ifndef KVM_ZAP_BENCH_H
#define KVM_ZAP_BENCH_H

#include <stdbool.h>

struct workload {
	const char *name;
	const char *help;	/* one line */
	const char *needs;	/* the architecture that alone has it: no help and no run() here */
	int (*run)(int argc, char **argv);
};

extern const struct workload bench_beside, bench_contend, bench_dense, bench_empty, bench_many;
extern const struct workload bench_mmio_wrap, bench_move, bench_nested, bench_rom, bench_sparse;
extern const struct workload bench_replay, bench_reset, bench_teardown, bench_unmap;

/* bench_list.c: all of them, also those that need another architecture; NULL ends them. */
extern const struct workload *const workloads[];

/* Entries of struct option_desc that workloads have in common; @what is a plural noun. */
#define BENCH_ITERATIONS(value, what) \
	{ 'n', "iterations", OPT_NUMBER, (value), 1, 1UL << 20, "measured " what }
#define BENCH_WARMUP(value, what) \
	{ 'w', "warmup", OPT_NUMBER, (value), 0, 1UL << 20, "warm-up " what }
#define BENCH_PAGE(value) \
	{ 'p', "page", OPT_PAGE, (value), 0, 0, "host's page size" }
#define BENCH_JSON(value) \
	{ 0, "json", OPT_FLAG, (value), 0, 0, "JSON instead of a table" }

/* What is to be mapped in the guest's own page tables. */
#ifdef __x86_64__
#define BENCH_GUEST_PAGE(value) \
	{ 'g', "guest-page", OPT_PAGE, (value), 0, 0, "page size of the guest's own tables" }
#define BENCH_ALIASES(value) \
	{ 'a', "aliases", OPT_NUMBER, (value), 0, 1024, \
	  "additional mappings of the slot in the guest, page by page" }
#else
#define BENCH_GUEST_PAGE(value) \
	{ 'g', "guest-page", OPT_REFUSED, (value), 0, 0, \
	  "the guest's own tables have pages of 1 GiB; a choice needs x86" }
#define BENCH_ALIASES(value) \
	{ 'a', "aliases", OPT_REFUSED, (value), 0, 0, "other addresses in the guest need x86" }
#endif

/* --gate FD, see bench_gate.c. False: @arg is no such socket. */
bool bench_gate(const char *arg);

#endif
