/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A verb's arguments. Those that all verbs have in common are here; each verb has a table
 * of its own.
 */
#ifndef KVM_ZAP_DESK_ARGS_H
#define KVM_ZAP_DESK_ARGS_H

#include <argp.h>
#include <stdbool.h>

/* What every verb takes. A verb's own structure begins with it. */
struct desk_common {
	bool json;
};

/*
 * Each function gets the verb's structure, and refuses by argp_error() with @state. An option
 * that takes a value and is given twice is refused before, unless it is @repeated.
 */
struct desk_args {
	const struct argp_option *options;
	const char *args_doc, *doc;	/* as argp has them */
	unsigned int flags;		/* of argp_parse() */
	bool no_json;			/* what it has to say is no JSON */
	const char *repeated;		/* letters of options that may be given again, or NULL */
	/* One of @options was given. */
	void (*option)(void *verb, int key, char *arg, struct argp_state *state);
	/* A word that is no option, state->arg_num from 0. NULL: none is expected. */
	void (*word)(void *verb, char *arg, struct argp_state *state);
	const char *no_word;		/* ... and what is said of one, or NULL */
	/* After the last of them: whether they go together. May be NULL. */
	void (*check)(void *verb, struct argp_state *state);
};

/* Exits with DESK_USAGE, or, where help was asked for, with 0. */
void desk_args_parse(const struct desk_args *args, int argc, char **argv,
		     struct desk_common *verb);

/* An option's number of seconds, from @min to a day; anything else is a usage error. */
double desk_seconds(struct argp_state *state, const char *arg, double min);

/* The same of a whole number from 1 on, of which @what says what it is: "how often", "KiB". */
unsigned long desk_whole(struct argp_state *state, const char *arg, const char *what);

#endif
