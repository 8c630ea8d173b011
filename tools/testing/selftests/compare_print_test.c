// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of tools/kvm/compare/compare_print.c on terminals of several widths.
 * compare_test.sh builds and runs it. KTAP.
 *
 * What breaks without it: with intervals and several policies, a line is wider than the
 * terminal, and nobody can tell which figure belongs to which policy.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "desk.h"
#include "vm.h"

#define ROUNDS	6
#define TITLE	"VALUE"

static int failed, points;

/* One of ROUNDS rounds of five runs: the third value is one of perf's. */
static struct compare example(void)
{
	struct compare c = { .policies = { "fast", "scoped", "auto", "stock" }, .nr_policies = 4,
			     .rounds = ROUNDS, .rounds_done = ROUNDS, .seed = 1, .by = "ns",
			     .what = "db (pid 7)", .nr_values = 3 };
	unsigned int round, run, value;

	c.names = desk_alloc(c.nr_values * sizeof(*c.names));
	c.names[0] = "ns";
	c.names[1] = "sptes";
	c.names[2] = "cpu/event=0x3c,umask=0x0/";
	c.samples = desk_alloc(ROUNDS * compare_runs(&c) * sizeof(*c.samples));
	for (round = 1; round <= ROUNDS; round++) {
		for (run = 0; run < compare_runs(&c); run++) {
			struct compare_sample *s = &c.samples[c.nr_samples++];

			*s = (struct compare_sample){ .round = round, .run = run,
						      .invalidations = 1 };
			s->values = desk_alloc(c.nr_values * sizeof(*s->values));
			for (value = 0; value < c.nr_values; value++)
				s->values[value] = 1000 * round * (run + 1) * (value + 1);
		}
	}
	return c;
}

/* What is printed where stdout is @fd, of so many columns. */
static char *printed(struct compare *c, int fd, const char *columns)
{
	int before = dup(STDOUT_FILENO);
	FILE *out = stdout;
	static char *text;
	static size_t bytes;

	fflush(stdout);
	setenv("COLUMNS", columns, 1);
	if (before < 0 || dup2(fd, STDOUT_FILENO) < 0)
		vm_die("dup2");
	stdout = open_memstream(&text, &bytes);
	if (!stdout)
		vm_die("open_memstream");
	compare_print(c);
	fclose(stdout);
	stdout = out;
	dup2(before, STDOUT_FILENO);
	close(before);
	return text;
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int nr = 0;

	for (; (text = strstr(text, what)); text++)
		nr++;
	return nr;
}

/* The widest line of the tables, which stand before the first sentence. */
static size_t widest(char *text)
{
	char *line = strstr(text, TITLE), *end = strstr(text, "\nscoped:");
	size_t widest = 0;

	while (line && line < end) {
		size_t bytes = strcspn(line, "\n");

		/* The only one that is no ASCII. */
		if (memmem(line, bytes, "\u2026", 3))
			bytes -= 2;
		widest = bytes > widest ? bytes : widest;
		line += strcspn(line, "\n") + 1;
	}
	return widest;
}

static void check(struct compare *c, int fd, const char *columns, unsigned int tables)
{
	static const char * const titles[] = { "scoped /fast", "auto /fast", "stock /fast" };
	char *text = printed(c, fd, columns), *squeezed = desk_copy(text), *in, *out;
	size_t i;

	for (in = out = squeezed; *in; in++)
		if (*in != ' ' || in[1] != ' ')
			*out++ = *in;
	*out = '\0';
	if (count(text, TITLE) != tables) {
		printf("# %s columns: %u tables, not %u\n", columns, count(text, TITLE), tables);
		failed++;
	}
	for (i = 0; i < ARRAY_SIZE(titles); i++) {
		if (count(squeezed, titles[i]) == 1)
			continue;
		printf("# %s columns: '%s' %u times\n", columns, titles[i],
		       count(squeezed, titles[i]));
		failed++;
	}
	free(squeezed);
	free(text);
}

/* Wherever more than one policy is in a table, that one fits. */
static void check_widths(struct compare *c, int fd)
{
	unsigned int columns;

	for (columns = 60; columns < 130; columns++) {
		char *number = desk_text("%u", columns), *text = printed(c, fd, number);
		size_t width = widest(text);

		if (count(text, TITLE) < c->nr_policies - 1 && width > columns) {
			printf("# %u columns: a line of %zu\n%s", columns, width, text);
			failed++;
		}
		free(number);
		free(text);
	}
}

static void result(const char *what)
{
	static int before;

	printf("%sok %d %s\n", failed > before ? "not " : "", ++points, what);
	before = failed;
}

int main(void)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), file = open("/dev/null", O_WRONLY);
	struct compare c = example();

	if (terminal < 0 || file < 0 || !isatty(terminal)) {
		printf("1..0 # SKIP no terminal is to be had\n");
		return 4;
	}
	printf("TAP version 13\n1..2\n");
	check(&c, terminal, "200", 1);
	check(&c, terminal, "80", 2);
	/* One at a time is as narrow as it gets. */
	check(&c, terminal, "20", 3);
	check_widths(&c, terminal);
	result("a terminal has tables that it has room for, with each policy once");
	check(&c, file, "80", 1);
	result("a file has one");
	return failed ? 1 : 0;
}
