// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments of verbs. See desk_args.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "desk_args.h"

struct parsing {
	const struct desk_args *args;
	struct desk_common *verb;
	const char **given;		/* by each of args->options; NULL: nothing yet */
};

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct desk_common *common = state->input;

	(void)arg;
	if (key != 'j')
		return ARGP_ERR_UNKNOWN;
	common->json = true;
	return 0;
}

static const struct argp_option common_options[] = {
	{ .name = "json", .key = 'j', .doc = "Print JSON, as kvm-zap.schema.json says" },
	{ }
};

static const struct argp common_argp = {
	.options = common_options,
	.parser = parse_common,
};

static void no_word(const struct desk_args *args, const char *arg, struct argp_state *state)
{
	if (args->no_word)
		argp_error(state, "'%s' is not expected: %s", arg, args->no_word);
	else
		argp_error(state, "'%s' is not expected", arg);
}

/* Of two values one would be left out, and nobody would see which. */
static void take_once(struct parsing *p, int key, const char *arg, struct argp_state *state)
{
	const struct argp_option *o;
	const char **given = p->given;

	for (o = p->args->options; o->key != key; o++)
		given++;
	if (!o->arg || (p->args->repeated && strchr(p->args->repeated, key)))
		return;
	if (*given)
		argp_error(state, "--%s is given twice ('%s', '%s'): give it once", o->name,
			   *given, arg);
	*given = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parsing *p = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		if (!p->args->no_json)
			state->child_inputs[0] = p->verb;
		return 0;
	case ARGP_KEY_ARG:
		if (p->args->word)
			p->args->word(p->verb, arg, state);
		else
			no_word(p->args, arg, state);
		return 0;
	case ARGP_KEY_END:
		if (p->args->check)
			p->args->check(p->verb, state);
		return 0;
	default:
		/* Options are below argp's own keys, of which this is the first. */
		if (key > ARGP_KEY_END)
			return ARGP_ERR_UNKNOWN;
		take_once(p, key, arg, state);
		p->args->option(p->verb, key, arg, state);
		return 0;
	}
}

void desk_args_parse(const struct desk_args *args, int argc, char **argv,
		     struct desk_common *verb)
{
	const struct argp_child children[] = { { .argp = &common_argp }, { } };
	const struct argp argp = {
		.options = args->options,
		.parser = parse,
		.children = args->no_json ? NULL : children,
		.args_doc = args->args_doc,
		.doc = args->doc,
	};
	struct parsing parsing = { .args = args, .verb = verb };
	size_t nr = 0;

	while (args->options[nr].key)
		nr++;
	parsing.given = desk_alloc((nr + 1) * sizeof(*parsing.given));
	argp_parse(&argp, argc, argv, args->flags, NULL, &parsing);
	free(parsing.given);
}

double desk_seconds(struct argp_state *state, const char *arg, double min)
{
	char *end;
	double seconds = strtod(arg, &end);

	/* Written so that a NaN is refused, too. */
	if (end == arg || *end || !(seconds >= min && seconds <= 86400))
		argp_error(state, "'%s': give seconds, from %g to 86400", arg, min);
	return seconds;
}

unsigned long desk_whole(struct argp_state *state, const char *arg, const char *what)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(arg, &end, 10);
	if (!isdigit((unsigned char)*arg) || *end || errno || !number)
		argp_error(state, "'%s': give %s, from 1 on", arg, what);
	return number;
}
