// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workloads of kvm-zap-bench. See bench.h. On arm64, contend would need code of its own in
 * the guest, recordings are of x86, and there is neither a generation of MMIO that wraps, nor a
 * nested guest. On x86, KVM unmaps nothing when a vCPU is reset.
 */
#include <stddef.h>

#include "bench.h"

/* Those whose file is not built for this architecture. */
#ifdef __x86_64__
const struct workload bench_reset = { .name = "reset", .needs = "arm64" };
#else
const struct workload bench_contend = { .name = "contend", .needs = "x86" };
const struct workload bench_mmio_wrap = { .name = "mmio-wrap", .needs = "x86" };
const struct workload bench_nested = { .name = "nested", .needs = "x86" };
const struct workload bench_replay = { .name = "replay", .needs = "x86" };
#endif

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
	&bench_reset,
	&bench_unmap,
	&bench_teardown,
	&bench_replay,
	NULL
};
