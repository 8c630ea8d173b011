// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workloads of kvm-zap-bench on arm64. See bench.h. contend has code of x86 in its
 * guest, recordings are of x86, and there is neither a generation of MMIO that wraps, nor a
 * nested guest.
 */
#include <stddef.h>

#include "bench.h"

static const struct workload contend = { .name = "contend", .needs = "x86" };
static const struct workload mmio_wrap = { .name = "mmio-wrap", .needs = "x86" };
static const struct workload nested = { .name = "nested", .needs = "x86" };
static const struct workload replay = { .name = "replay", .needs = "x86" };

const struct workload *const workloads[] = {
	&bench_empty,
	&bench_rom,
	&bench_sparse,
	&bench_dense,
	&bench_many,
	&bench_beside,
	&bench_move,
	&bench_reset,
	&bench_unmap,
	&bench_teardown,
	&contend,
	&mmio_wrap,
	&nested,
	&replay,
	NULL
};
