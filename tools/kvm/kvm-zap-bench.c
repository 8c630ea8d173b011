// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench: what zapping costs KVM and its guests, workload by workload,
 * over the raw KVM API. Which policy is in force is the operator's to set; the
 * programs report it.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "vm.h"

static const struct workload *const workloads[] = {
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
	&bench_teardown,
};

static void print_usage(FILE *to)
{
	unsigned int i;

	fprintf(to, "usage: kvm-zap-bench [--no-slot-zap-all] WORKLOAD [OPTION...]\n"
		    "       kvm-zap-bench WORKLOAD --help\n\nworkloads:\n");
	for (i = 0; i < ARRAY_SIZE(workloads); i++)
		fprintf(to, "  %-10s %s\n", workloads[i]->name, workloads[i]->help);
	fprintf(to, "\n  --no-slot-zap-all  disable KVM_X86_QUIRK_SLOT_ZAP_ALL of each VM: the\n"
		    "                     kernel's own scoped path (6.12 and later), unless a\n"
		    "                     policy overrides it\n\n"
		    "Exit status: 0, 1 when something failed, 2 for wrong usage, 4 for what\n"
		    "this KVM cannot do.\n");
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		print_usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--no-slot-zap-all")) {
		if (!(vm_quirks() & KVM_X86_QUIRK_SLOT_ZAP_ALL)) {
			fprintf(stderr, "kvm-zap-bench: this KVM has no quirk for %s\n", argv[1]);
			return 4;
		}
		vm_disable_quirks(KVM_X86_QUIRK_SLOT_ZAP_ALL);
		argc--;
		argv++;
		if (argc < 2) {
			print_usage(stderr);
			return 2;
		}
	}
	for (i = 0; i < ARRAY_SIZE(workloads); i++)
		if (!strcmp(argv[1], workloads[i]->name))
			return workloads[i]->run(argc - 1, argv + 1);
	fprintf(stderr, "kvm-zap-bench: unknown workload '%s'\n", argv[1]);
	print_usage(stderr);
	return 2;
}
