/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A workload of kvm-zap-bench is one file, bench_NAME.c, with one structure, listed in
 * kvm-zap-bench.c. Its run() takes the command line from the workload's name on and
 * returns the exit status.
 */
#ifndef KVM_ZAP_BENCH_H
#define KVM_ZAP_BENCH_H

#include <stdbool.h>

struct workload {
	const char *name;
	const char *help;	/* one line */
	int (*run)(int argc, char **argv);
};

extern const struct workload bench_beside, bench_contend, bench_dense, bench_empty, bench_many;
extern const struct workload bench_mmio_wrap, bench_move, bench_nested, bench_rom, bench_sparse;
extern const struct workload bench_replay, bench_teardown;

/* --gate FD, see bench_gate.c. False: @arg is no such socket. */
bool bench_gate(const char *arg);

#endif
