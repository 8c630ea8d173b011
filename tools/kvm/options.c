// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command lines of workloads and tests. See options.h.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "vm.h"

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

void options_bad(const char *usage, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: %s\n", usage);
	exit(2);
}

static void print_help(const char *usage, const char *about, const struct option_desc *table)
{
	const struct option_desc *d;
	char left[64];

	printf("usage: %s\n\n%s\n\noptions:\n", usage, about);
	for (d = table; d->name; d++) {
		const char *arg = d->kind == OPT_FLAG ? "" :
				  d->kind == OPT_PAGE ? " 4k|2m" :
				  d->kind == OPT_WORD ? " WORD" : " N";

		if (d->letter)
			snprintf(left, sizeof(left), "-%c, --%s%s", d->letter, d->name, arg);
		else
			snprintf(left, sizeof(left), "    --%s%s", d->name, arg);
		printf("  %-26s %s", left, d->help);
		if (d->kind == OPT_NUMBER)
			printf(" (%lu)", *(unsigned long *)d->value);
		else if (d->kind == OPT_PAGE)
			printf(" (%s)", page_word(*(unsigned long *)d->value));
		else if (d->kind == OPT_WORD)
			printf(" (%s)", ((struct option_word *)d->value)->word);
		putchar('\n');
	}
	printf("  %-26s %s\n", "-h, --help", "this text");
}

static void set_number(const struct option_desc *d, const char *usage, const char *word)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(word, &end, 10);
	if (!isdigit((unsigned char)*word) || *end || errno || value < d->min || value > d->max)
		options_bad(usage, "--%s '%s': give a number from %lu to %lu", d->name, word,
			    d->min, d->max);
	*(unsigned long *)d->value = value;
}

static void set_page(const struct option_desc *d, const char *usage, const char *word)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		if (!strcmp(pages[i].word, word)) {
			*(unsigned long *)d->value = pages[i].bytes;
			return;
		}
	}
	options_bad(usage, "--%s '%s': give 4k or 2m", d->name, word);
}

static void set_word(const struct option_desc *d, const char *usage, const char *word)
{
	struct option_word *choice = d->value;
	const char * const *may;
	char list[128] = "";
	size_t used = 0;

	for (may = choice->words; *may; may++) {
		if (!strcmp(*may, word)) {
			choice->word = *may;
			return;
		}
		used += snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", *may);
	}
	options_bad(usage, "--%s '%s': give one of %s", d->name, word, list);
}

/*
 * Finds the option that @word is: "-x", "-xVALUE", "--name", "--name=VALUE".
 * *@value is what follows within the word, or NULL.
 */
static const struct option_desc *find(const struct option_desc *table, const char *word,
				      const char **value)
{
	const struct option_desc *d;

	*value = NULL;
	for (d = table; d->name; d++) {
		size_t len = strlen(d->name);

		if (word[1] != '-') {
			if (!d->letter || word[1] != d->letter)
				continue;
			if (word[2])
				*value = word + 2;
			return d;
		}
		if (strncmp(word + 2, d->name, len))
			continue;
		if (word[2 + len] == '=')
			*value = word + 2 + len + 1;
		else if (word[2 + len])
			continue;
		return d;
	}
	return NULL;
}

void options_parse(int argc, char **argv, const char *usage, const char *about,
		   const struct option_desc *table)
{
	int i;

	for (i = 1; i < argc; i++) {
		const struct option_desc *d;
		const char *value;

		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			print_help(usage, about, table);
			exit(0);
		}
		if (argv[i][0] != '-' || !argv[i][1])
			options_bad(usage, "unexpected argument '%s'", argv[i]);
		d = find(table, argv[i], &value);
		if (!d)
			options_bad(usage, "unknown option '%s'", argv[i]);
		if (d->kind == OPT_FLAG) {
			if (value)
				options_bad(usage, "'%s': --%s takes no value", argv[i], d->name);
			*(bool *)d->value = true;
			continue;
		}
		if (!value) {
			if (++i == argc)
				options_bad(usage, "--%s: a value is missing", d->name);
			value = argv[i];
		}
		if (d->kind == OPT_NUMBER)
			set_number(d, usage, value);
		else if (d->kind == OPT_WORD)
			set_word(d, usage, value);
		else
			set_page(d, usage, value);
	}
}
