// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command lines of workloads and tests. See options.h.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "vm.h"

/* The key of a table's entry that has no letter is its number, from here on. */
#define KEY_LONG	0x100

struct parsing {
	const struct option_desc *table;
	const char **given;	/* what each of it was given, NULL: nothing yet */
};

static const struct {
	const char *word;
	unsigned long bytes;
} pages[] = {
	{ "4k", VM_4K },
	{ "2m", VM_2M },
};

const char *page_word(unsigned long bytes)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].bytes == bytes)
			return pages[i].word;
	return "?";
}

__attribute__((format(printf, 1, 2)))
static char *text(const char *fmt, ...)
{
	va_list ap;
	char *new;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&new, fmt, ap);
	va_end(ap);
	if (len < 0)
		vm_die("out of memory");
	return new;
}

void options_bad(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry `%s --help' for more information.\n", command);
	exit(2);
}

static void set_number(const struct option_desc *d, const char *word, struct argp_state *state)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(word, &end, 10);
	if (!isdigit((unsigned char)*word) || *end || errno || value < d->min || value > d->max)
		argp_error(state, "--%s '%s': give a number from %lu to %lu", d->name, word,
			   d->min, d->max);
	*(unsigned long *)d->value = value;
}

static void set_page(const struct option_desc *d, const char *word, struct argp_state *state)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		if (!strcmp(pages[i].word, word)) {
			*(unsigned long *)d->value = pages[i].bytes;
			return;
		}
	}
	argp_error(state, "--%s '%s': give 4k or 2m", d->name, word);
}

static void set_word(const struct option_desc *d, const char *word, struct argp_state *state)
{
	struct option_word *choice = d->value;
	const char * const *may;
	char *list = text("%s", *choice->words);

	for (may = choice->words; *may; may++) {
		if (!strcmp(*may, word)) {
			choice->word = *may;
			free(list);
			return;
		}
		if (may != choice->words) {
			char *longer = text("%s, %s", list, *may);

			free(list);
			list = longer;
		}
	}
	argp_error(state, "--%s '%s': give one of %s", d->name, word, list);
}

static int key_of(const struct option_desc *table, const struct option_desc *d)
{
	return d->letter ? d->letter : KEY_LONG + (d - table);
}

/* Of two values one would be left out, and nobody would see which. */
static void take_once(const struct option_desc *d, const char **given, const char *arg,
		      struct argp_state *state)
{
	if (arg && *given)
		argp_error(state, "--%s is given twice ('%s', '%s'): give it once", d->name,
			   *given, arg);
	*given = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const struct parsing *p = state->input;
	const struct option_desc *table = p->table, *d;

	if (key == 'h')
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
	if (key == ARGP_KEY_ARG)
		argp_error(state, "unexpected argument '%s'", arg);
	for (d = table; d->name; d++) {
		if (key_of(table, d) != key)
			continue;
		take_once(d, &p->given[d - table], arg, state);
		if (d->kind == OPT_REFUSED)
			argp_error(state, "--%s: %s", d->name, d->help);
		else if (d->kind == OPT_FLAG)
			*(bool *)d->value = true;
		else if (d->kind == OPT_NUMBER)
			set_number(d, arg, state);
		else if (d->kind == OPT_WORD)
			set_word(d, arg, state);
		else
			set_page(d, arg, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* What --help says of @d: with the default, which is what its value is now. */
static char *help(const struct option_desc *d)
{
	if (d->kind == OPT_NUMBER)
		return text("%s (%lu)", d->help, *(unsigned long *)d->value);
	if (d->kind == OPT_PAGE)
		return text("%s (%s)", d->help, page_word(*(unsigned long *)d->value));
	if (d->kind == OPT_WORD)
		return text("%s (%s)", d->help, ((struct option_word *)d->value)->word);
	return text("%s", d->help);
}

static const char *arg_of(const struct option_desc *d)
{
	static const char * const args[] = {
		[OPT_NUMBER] = "N", [OPT_PAGE] = "4k|2m", [OPT_WORD] = "WORD", [OPT_FLAG] = NULL,
		[OPT_REFUSED] = "WORD",
	};

	return args[d->kind];
}

/* argp breaks lines where they have to be: those of @about go, blank ones stay. */
static char *paragraphs(const char *about)
{
	char *all = text("%s", about), *s;

	for (s = all; *s; s++)
		if (*s == '\n' && s[1] == '\n')
			s++;
		else if (*s == '\n')
			*s = ' ';
	return all;
}

void options_parse(int argc, char **argv, const char *command, const char *about,
		   const struct option_desc *table)
{
	unsigned int i, nr = 0;
	struct argp_option *options;
	struct argp argp = { .parser = parse };
	struct parsing parsing = { .table = table };
	char **words, *doc = paragraphs(about);

	while (table[nr].name)
		nr++;
	/* One for -h, one that ends them; a word for the one that is NULL. */
	options = calloc(nr + 2, sizeof(*options));
	words = calloc(argc + 1, sizeof(*words));
	parsing.given = calloc(nr + 1, sizeof(*parsing.given));
	if (!options || !words || !parsing.given)
		vm_die("out of memory");
	for (i = 0; i < nr; i++)
		options[i] = (struct argp_option) {
			.name = table[i].name, .key = key_of(table, &table[i]),
			.arg = arg_of(&table[i]), .doc = help(&table[i]),
			.flags = table[i].kind == OPT_REFUSED ? OPTION_HIDDEN : 0,
		};
	options[nr] = (struct argp_option) { .key = 'h', .flags = OPTION_HIDDEN };
	argp.options = options;
	argp.doc = doc;
	/* Messages begin with the first word. The caller's are left in their order. */
	memcpy(words, argv, argc * sizeof(*words));
	words[0] = (char *)command;
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, words, 0, NULL, &parsing);
	for (i = 0; i < nr; i++)
		free((char *)options[i].doc);
	free(parsing.given);
	free(options);
	free(words);
	free(doc);
}
