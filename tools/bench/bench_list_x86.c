// SPDX-License-Identifier: GPL-2.0-only
/* The workloads of kvm-zap-bench on x86. See bench.h. */
#include <stddef.h>

#include "bench.h"

static const struct workload reset = { .name = "reset", .needs = "arm64" };

const struct workload *const workloads[] = {
	&bench_empty,
	&bench_rom,
	&bench_sparse,
	&bench_dense,
	&bench_many,
	&bench_beside,
	&bench_move,
	&bench_contend,
	&bench_mmio_wrap,
	&bench_nested,
	&bench_unmap,
	&bench_teardown,
	&bench_replay,
	&reset,
	NULL
};
