// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap trace: check what can be checked here, and leave the rest to kvm-zap-trace.
 * That is a program of its own, because not every host has libtracefs. kvm-zap record
 * does the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "desk.h"
#include "desk_kvm.h"
#include "trace_args.h"

/* Beside this one, or where the package has it. NULL if it is not there; free() it. */
static char *find_program(void)
{
	static const char * const places[] = { "", "../libexec/kvm-zap/" };
	/* Not /proc/self/exe: the path that it was started by is as good without /proc. */
	char *self = realpath((const char *)getauxval(AT_EXECFN), NULL);
	char *slash = self ? strrchr(self, '/') : NULL, *path;
	unsigned int i;

	for (i = 0; slash && i < ARRAY_SIZE(places); i++) {
		slash[1] = '\0';
		path = desk_text("%s%skvm-zap-trace", self, places[i]);
		if (!access(path, X_OK)) {
			free(self);
			return path;
		}
		free(path);
	}
	free(self);
	return NULL;
}

static bool starts(const char *path)
{
	/* Dots and quotes may be in the path, not in the variable's name. */
	char *said;

	setenv("KVM_ZAP_TRACE", path, 1);
	said = desk_read_command("\"$KVM_ZAP_TRACE\" --version 2> /dev/null", NULL);
	free(said);
	return said;
}

static int run(const char *verb, char **argv)
{
	char *path = find_program();

	if (!path) {
		desk_say("kvm-zap-trace is missing: it is installed with kvm-zap, and does this");
		return DESK_NOT;
	}
	if (!starts(path)) {
		desk_say("%s does not start: it needs libtracefs (apt-get install libtracefs1)",
			 path);
		return DESK_NOT;
	}
	setenv("KVM_ZAP_VERB", verb, 1);
	execv(path, argv);
	desk_say("%s: %s", path, strerror(errno));
	return DESK_NOT;
}

int trace_program(const char *verb, char **argv)
{
	int ret = desk_need_root(verb);

	return ret ? ret : run(verb, argv);
}

int desk_verb_trace(int argc, char **argv)
{
	struct trace_args args = { };

	trace_args_parse(&args, argc, argv);
	return trace_program("trace", argv);
}
