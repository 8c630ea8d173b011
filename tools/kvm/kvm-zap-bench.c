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

	fprintf(to, "usage: kvm-zap-bench [--no-slot-zap-all] [--gate FD] WORKLOAD [OPTION...]\n"
		    "       kvm-zap-bench WORKLOAD --help\n\nworkloads:\n");
	for (i = 0; i < ARRAY_SIZE(workloads); i++)
		fprintf(to, "  %-10s %s\n", workloads[i]->name, workloads[i]->help);
	fprintf(to, "\n  --no-slot-zap-all  disable KVM_X86_QUIRK_SLOT_ZAP_ALL of each VM: the\n"
		    "                     kernel's own scoped path (6.12 and later), unless a\n"
		    "                     policy overrides it\n"
		    "  --gate FD          tell socket FD of each VM made, and before it is closed, and\n"
		    "                     wait for an answer: kvm-zap compare looks at it there\n\n"
		    "Exit status: 0, 1 when something failed, 2 for wrong usage, 4 for what\n"
		    "this KVM cannot do.\n");
}

/* --no-slot-zap-all: 0, or the exit status. */
static int disable_quirk(void)
{
	if (!(vm_quirks() & KVM_X86_QUIRK_SLOT_ZAP_ALL)) {
		fprintf(stderr, "kvm-zap-bench: this KVM has no quirk for --no-slot-zap-all\n");
		return 4;
	}
	vm_disable_quirks(KVM_X86_QUIRK_SLOT_ZAP_ALL);
	return 0;
}

/* Options ahead of the workload: 0, or the exit status. *@argv moves behind them. */
static int options(char ***argv)
{
	for (; **argv; (*argv)++) {
		int ret = 0;

		if (!strcmp(**argv, "--no-slot-zap-all")) {
			ret = disable_quirk();
		} else if (!strcmp(**argv, "--gate")) {
			(*argv)++;
			if (!**argv || !bench_gate(**argv)) {
				fprintf(stderr, "kvm-zap-bench: --gate: give a SOCK_SEQPACKET\n");
				ret = 2;
			}
		} else {
			return 0;
		}
		if (ret)
			return ret;
	}
	return 0;
}

int main(int argc, char **argv)
{
	char **words = argv + 1;
	unsigned int i;
	int ret;

	if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
		print_usage(stdout);
		return 0;
	}
	ret = options(&words);
	if (ret)
		return ret;
	if (!*words) {
		print_usage(stderr);
		return 2;
	}
	argc -= words - argv;
	for (i = 0; i < ARRAY_SIZE(workloads); i++)
		if (!strcmp(*words, workloads[i]->name))
			return workloads[i]->run(argc, words);
	fprintf(stderr, "kvm-zap-bench: unknown workload '%s'\n", *words);
	print_usage(stderr);
	return 2;
}
