/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Command lines of workloads and tests. The same table parses a command line and prints
 * the help.
 */
#ifndef KVM_ZAP_OPTIONS_H
#define KVM_ZAP_OPTIONS_H

#include <stdbool.h>

enum option_kind {
	OPT_NUMBER,	/* unsigned long, decimal, from min to max */
	OPT_PAGE,	/* unsigned long: 4k or 2m, stored in bytes */
	OPT_WORD,	/* struct option_word */
	OPT_FLAG,	/* bool: no argument */
	OPT_REFUSED,	/* not here: @help is the reason, and --help does not name it */
};

struct option_word {
	const char *word;
	const char * const *words;	/* what it may be; NULL ends them */
};

struct option_desc {
	char letter;		/* 0: long form only */
	const char *name;	/* long form, without the dashes */
	enum option_kind kind;
	void *value;		/* holds the default before options_parse() */
	unsigned long min, max;	/* OPT_NUMBER */
	const char *help;
};

/*
 * Parse @argv[1..] by @table, which an entry without a name ends, by argp: names may be
 * cut short, and a value is given once. --help, or -h, prints @about and the table, and
 * exits 0; anything wrong is said on stderr and exits 2. @command is what messages begin
 * with: "kvm-zap-bench rom".
 */
void options_parse(int argc, char **argv, const char *command, const char *about,
		   const struct option_desc *table);

/* Says what is wrong with the command line, and exits 2. */
void options_bad(const char *command, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* "4k" or "2m"; bytes otherwise. */
const char *page_word(unsigned long bytes);

#endif
