// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap: show what KVM does to its mappings on this host, and to which VM, and choose
 * the policy.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "vm.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} verbs[] = {
	{ "status", desk_verb_status, "show what is in force and what it does (the default)" },
	{ "set", desk_verb_set, "choose a policy, for all VMs or for one" },
	{ "verify", desk_verb_verify, "check what is in force, now and after a reboot" },
	{ "restore", desk_verb_restore, "undo what 'set' has changed" },
	{ "stat", desk_verb_stat, "show counts by site and policy, also for Prometheus" },
	{ "trace", desk_verb_trace, "print each invalidation as it happens" },
	{ "record", desk_verb_record, "record a VM's memslot updates, for kvm-zap-bench replay" },
	{ "compare", desk_verb_compare, "compare what policies cost" },
	{ "report", desk_verb_report, "make a page of what was measured" },
};

const char *argp_program_version = "kvm-zap " KVM_ZAP_VERSION;

static const char doc[] =
	"See and choose how KVM drops mappings of guest memory.\v"
	"Exit status: 0 success; 1 failure, or the answer is no; 2 wrong usage; 3 no such VM; "
	"4 the kvm that is loaded has no kvm-zap; 5 not root, no debugfs, or locked down; "
	"6 assigned devices, see 'kvm-zap set --help'.";

/* The verbs' list goes between the options and the exit status. */
static char *help_filter(int key, const char *text, void *input)
{
	char *list, *longer;
	unsigned int i;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	list = desk_copy("Verbs, each with a --help of its own:\n");
	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		longer = desk_text("%s  %-9s %s\n", list, verbs[i].name, verbs[i].about);
		free(list);
		list = longer;
	}
	longer = desk_text("%s\n%s", list, text);
	free(list);
	return longer;
}

static const struct argp argp = {
	.args_doc = "[VERB [OPTION...]]",
	.doc = doc,
	.help_filter = help_filter,
};

static int unknown(const char *verb)
{
	char *list = desk_copy(verbs[0].name);
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(verbs); i++) {
		char *longer = desk_text("%s, %s", list, verbs[i].name);

		free(list);
		list = longer;
	}
	desk_say("'%s' is no verb: %s", verb, list);
	free(list);
	return DESK_USAGE;
}

static int run(const char *verb, int argc, char **argv)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, verb))
			continue;
		/* Usage messages begin with it. */
		argv[0] = desk_text("%s %s", program_invocation_short_name, verb);
		return verbs[i].run(argc, argv);
	}
	return unknown(verb);
}

/* Options of the command itself; any other is one of status. */
static bool is_own(const char *word)
{
	static const char * const own[] = { "--help", "-?", "--usage", "--version", "-V" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(own); i++)
		if (!strcmp(own[i], word))
			return true;
	return false;
}

/* --help, which argp ends with, and all that is printed otherwise. */
static void check_output(void)
{
	if (desk_check_output())
		_exit(DESK_NOT);
}

int main(int argc, char **argv)
{
	/* Widths of characters. Not LC_NUMERIC: see desk.h. */
	setlocale(LC_CTYPE, "C.UTF-8");
	argp_err_exit_status = DESK_USAGE;
	atexit(check_output);
	if (argc > 1 && is_own(argv[1]))
		return argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (argc > 1 && *argv[1] != '-')
		return run(argv[1], argc - 1, argv + 1);
	return run("status", argc, argv);
}
