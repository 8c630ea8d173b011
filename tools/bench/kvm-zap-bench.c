// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench: what zapping costs KVM and its guests, workload by workload, over the
 * raw KVM API. The operator sets the policy; the program reports it.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "desk.h"
#include "vm.h"

/* Exit statuses. */
enum { USAGE = 2, UNABLE = 4 };

/* None is a letter, which would be an option as well. */
enum { KEY_QUIRK = 0x100, KEY_GATE };

const char *argp_program_version = "kvm-zap-bench " KVM_ZAP_VERSION;

static const struct argp_option options[] = {
	{ .name = "no-slot-zap-all", .key = KEY_QUIRK,
	  .doc = "Disable KVM_X86_QUIRK_SLOT_ZAP_ALL of each VM: the kernel's own scoped path "
		 "(6.12 and later), unless a policy overrides it" },
	{ .name = "gate", .key = KEY_GATE, .arg = "FD",
	  .doc = "Tell socket FD when a VM has been made and before it is closed, and wait for an "
		 "answer; used by kvm-zap compare" },
	{ .key = 'h', .flags = OPTION_HIDDEN },
	{ }
};

static const char doc[] =
	"Measure what it costs when KVM drops mappings of guest memory.\v"
	"A workload runs under the words that are set. 'kvm-zap compare WORKLOAD' runs it under "
	"several, and 'kvm-zap set' sets them.\n\n"
	"Exit status: 0 success; 1 failure; 2 wrong usage; 4 this KVM cannot do it.";

/* The workloads go between the options and the exit status. */
static char *help_filter(int key, const char *text, void *input)
{
	char *all = NULL;
	size_t bytes;
	unsigned int i;
	FILE *to;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	to = open_memstream(&all, &bytes);
	if (!to)
		return (char *)text;
	fprintf(to, "workloads:\n");
	for (i = 0; workloads[i]; i++)
		if (!workloads[i]->needs)
			fprintf(to, "  %-10s %s\n", workloads[i]->name, workloads[i]->help);
	fprintf(to, "\n%s", text);
	fclose(to);
	return all;
}

static void disable_quirk(void)
{
	if (!(vm_quirks() & KVM_X86_QUIRK_SLOT_ZAP_ALL)) {
		fprintf(stderr, "kvm-zap-bench: this KVM has no quirk for --no-slot-zap-all\n");
		exit(UNABLE);
	}
	vm_disable_quirks(KVM_X86_QUIRK_SLOT_ZAP_ALL);
}

static void refuse(const char *name, struct argp_state *state)
{
	char *list = desk_copy(workloads[0]->name);
	unsigned int i;

	for (i = 1; workloads[i]; i++) {
		char *longer;

		if (workloads[i]->needs)
			continue;
		longer = desk_text("%s, %s", list, workloads[i]->name);
		free(list);
		list = longer;
	}
	argp_error(state, "unknown workload '%s': give %s", name, list);
}

static const struct workload *find(const char *name, struct argp_state *state)
{
	unsigned int i;

	for (i = 0; workloads[i]; i++) {
		if (strcmp(name, workloads[i]->name))
			continue;
		if (!workloads[i]->needs)
			return workloads[i];
		fprintf(stderr, "kvm-zap-bench: workload '%s' needs %s\n", name,
			workloads[i]->needs);
		exit(UNABLE);
	}
	refuse(name, state);
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const struct workload **workload = state->input;

	switch (key) {
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case KEY_QUIRK:
		disable_quirk();
		return 0;
	case KEY_GATE:
		if (!bench_gate(arg))
			argp_error(state, "--gate '%s': give a SOCK_SEQPACKET", arg);
		return 0;
	case ARGP_KEY_ARG:
		*workload = find(arg, state);
		/* What follows is the workload's. */
		return ARGP_ERR_UNKNOWN;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "WORKLOAD [OPTION...]\nWORKLOAD --help",
	.doc = doc,
	.help_filter = help_filter,
};

int main(int argc, char **argv)
{
	const struct workload *workload = NULL;
	int first;

	argp_err_exit_status = USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, &first, &workload);
	return workload->run(argc - first, argv + first);
}
