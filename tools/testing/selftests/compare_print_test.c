// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/kvm/compare/compare_print.c prints: tables on terminals of several widths,
 * figures as text and as JSON, and what is said and written while it runs. compare_test.sh
 * builds and runs it. KTAP.
 *
 * What breaks without it: with intervals and several policies, a line is wider than the
 * terminal, and nobody can tell which figure belongs to which policy; or a policy is compared with
 * another one's samples.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "desk.h"
#include "unit.h"
#include "vm.h"

#define ROUNDS	6
#define TITLE	"VALUE"

/* What a run takes: the last one is beyond all noise. */
static const unsigned int times[] = { 1, 2, 3, 4, 500 };

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
				s->values[value] = 1000 * round * times[run] * (value + 1);
		}
	}
	return c;
}

/* What is printed where stdout is @fd, of so many columns. */
static char *printed(struct compare *c, int fd, const char *columns)
{
	int before = dup(STDOUT_FILENO);
	char *text;

	setenv("COLUMNS", columns, 1);
	unit_hear(&stdout);
	if (before < 0 || dup2(fd, STDOUT_FILENO) < 0)
		vm_die("dup2");
	compare_print(c);
	text = unit_heard();
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
	char *text = printed(c, fd, columns);
	size_t i;

	unit_squeeze(text);
	ktap_check(count(text, TITLE) == tables, "%s columns: %u tables, expected %u", columns,
		   count(text, TITLE), tables);
	for (i = 0; i < ARRAY_SIZE(titles); i++) {
		ktap_check(count(text, titles[i]) == 1, "%s columns: '%s' %u times", columns,
			   titles[i], count(text, titles[i]));
	}
	free(text);
}

/* Wherever more than one policy is in a table, that one fits. */
static void check_widths(struct compare *c, int fd)
{
	unsigned int columns;

	for (columns = 60; columns < 130; columns++) {
		char *number = desk_text("%u", columns), *text = printed(c, fd, number);
		size_t width = widest(text);

		if (count(text, TITLE) < c->nr_policies - 1)
			ktap_check(width <= columns, "%u columns: a line of %zu\n%s", columns,
				   width, text);
		free(number);
		free(text);
	}
}

/* Figures ------------------------------------------------------------------- */

static void is(const char *got, const char *fmt, ...)
{
	char *wanted;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&wanted, fmt, ap) < 0)
		vm_die("out of memory");
	va_end(ap);
	ktap_text("printed", got, wanted);
	free(wanted);
}

/* The line of @text that begins with @start, with one blank where there are several. */
static char *line_of(const char *text, const char *start)
{
	char *copy = desk_copy(text), *line, *lines;

	for (line = strtok_r(copy, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines))
		if (!strncmp(line, start, strlen(start)))
			break;
	line = desk_copy(line ? line : "");
	free(copy);
	unit_squeeze(line);
	return line;
}

/* What example() has as samples of @run: of the first policy both runs, with @both. */
static size_t samples(double *v, unsigned int run, unsigned int value, bool both)
{
	unsigned int round;
	size_t nr = 0;

	for (round = 1; round <= ROUNDS; round++) {
		v[nr++] = 1000.0 * round * times[run] * (value + 1);
		if (both)
			v[nr++] = 1000.0 * round * times[COMPARE_AGAIN] * (value + 1);
	}
	return nr;
}

/* The first policy is compared with itself alone, all others with both of its runs. */
static struct ratio wanted_ratio(unsigned int run, unsigned int value)
{
	double base[2 * ROUNDS], v[ROUNDS];
	size_t nbase = samples(base, COMPARE_FIRST, value, run != COMPARE_AGAIN);
	size_t n = samples(v, run, value, false);
	struct ratio r;

	stats_ratio(base, nbase, v, n, 1, &r);
	return r;
}

static const char no_difference[] =
	"%s: no difference shown: %.2f to %.2f of fast in %s; fast again is %.2f to %.2f";

static char *wanted_sentence(const char *policy, unsigned int run, unsigned int value,
			     const char *name)
{
	struct ratio r = wanted_ratio(run, value), same = wanted_ratio(COMPARE_AGAIN, value);

	if (stats_differs(&r, &same))
		return desk_text("%s: %.2f of fast (%.2f to %.2f) in %s", policy, r.ratio, r.low,
				 r.high, name);
	return desk_text(no_difference, policy, r.low, r.high, name, same.low,
			 same.high);
}

/* The row of ns, whose medians are those of example(), and all sentences. */
static void check_text(struct compare *c, int file)
{
	static const char * const medians[] = { "4.5us", "", "10us", "14us", "1.8ms" };
	char *text, *line, *row = desk_copy("ns");
	unsigned int run;

	for (run = 0; run < compare_runs(c); run++) {
		struct ratio r = wanted_ratio(run, 0);
		char *longer = desk_text("%s%s%s", row, *medians[run] ? " " : "", medians[run]);

		free(row);
		row = run == COMPARE_FIRST ? desk_copy(longer) :
		      desk_text("%s %.2f (%.2f-%.2f)", longer, r.ratio, r.low, r.high);
		free(longer);
	}
	c->by = "sptes";
	text = printed(c, file, "80");
	line = line_of(text, "ns ");
	is(line, "%s", row);
	free(line);
	free(row);
	for (run = COMPARE_OTHERS; run < compare_runs(c); run++) {
		const char *policy = compare_policy(c, run);
		char *start = desk_text("%s: ", policy);
		char *sentence = wanted_sentence(policy, run, 1, "sptes");

		line = line_of(text, start);
		is(line, "%s", sentence);
		free(sentence);
		free(start);
		free(line);
	}
	line = line_of(text, "3 of ");
	is(line, "3 of 30 runs had no invalidation and count for nothing");
	free(line);
	line = line_of(text, "2 of ");
	is(line, "2 of 30 runs had some at site mmio as well and count for nothing");
	free(line);
	free(text);
}

/* What these keys of an object have, as one line. */
static char *fields(struct json_object *object, const char * const *keys)
{
	char *text = desk_copy(""), *longer;

	for (; *keys; keys++) {
		struct json_object *field = NULL;

		json_object_object_get_ex(object, *keys, &field);
		longer = desk_text("%s%s%s", text, *text ? " " : "",
				   json_object_get_string(field));
		free(text);
		text = longer;
	}
	return text;
}

static void check_run(struct json_object *run_object, const struct compare *c, unsigned int run)
{
	static const char * const own[] = { "policy", "samples", "median", "min", "max", NULL };
	static const char * const ratios[] = { "ratio", "low", "high", NULL };
	struct ratio r = wanted_ratio(run, 1);
	char *text = fields(run_object, own);

	is(text, "%s %d %.6f %.6f %.6f", compare_policy(c, run), ROUNDS, 7000.0 * times[run],
	   2000.0 * times[run], 12000.0 * times[run]);
	free(text);
	text = fields(run_object, ratios);
	if (run != COMPARE_FIRST)
		is(text, "%.6f %.6f %.6f", r.ratio, r.low, r.high);
	free(text);
}

static void check_json(struct compare *c, int file)
{
	static const char * const counts[] = { "rounds", "rounds_done", "runs", "runs_empty",
					       "runs_mixed", "by", "policies", NULL };
	struct json_object *object, *values, *value, *run_object, *others;
	unsigned int run;
	char *text;

	c->common.json = true;
	text = printed(c, file, "80");
	c->common.json = false;
	object = json_tokener_parse(text);
	free(text);
	text = fields(object, counts);
	is(text, "6 6 30 3 2 sptes [ \"fast\", \"scoped\", \"auto\", \"stock\" ]");
	free(text);
	json_object_object_get_ex(object, "values", &values);
	value = json_object_array_get_idx(values, 1);
	json_object_object_get_ex(value, "first", &run_object);
	check_run(run_object, c, COMPARE_FIRST);
	json_object_object_get_ex(value, "again", &run_object);
	check_run(run_object, c, COMPARE_AGAIN);
	json_object_object_get_ex(value, "others", &others);
	for (run = COMPARE_OTHERS; run < compare_runs(c); run++)
		check_run(json_object_array_get_idx(others, run - COMPARE_OTHERS), c, run);
	json_object_put(object);
}

/* Nothing of it, and what has no ratio to that ------------------------------ */

/* Samples of one value: of each run those of its row, one each round. */
static struct compare one_value(const char *name, double v[][8], unsigned int rounds)
{
	struct compare c = { .policies = { "fast", "scoped" }, .nr_policies = 2, .by = name,
			     .rounds = rounds, .rounds_done = rounds, .seed = 1, .nr_values = 1,
			     .what = "db (pid 7)" };
	unsigned int round, run;

	c.names = desk_alloc(sizeof(*c.names));
	c.names[0] = desk_copy(name);
	c.samples = desk_alloc(rounds * compare_runs(&c) * sizeof(*c.samples));
	for (round = 0; round < rounds; round++)
		for (run = 0; run < compare_runs(&c); run++) {
			struct compare_sample *s = &c.samples[c.nr_samples++];

			*s = (struct compare_sample){ .round = round + 1, .run = run,
						      .invalidations = 1 };
			s->values = desk_alloc(sizeof(*s->values));
			s->values[0] = v[run][round];
		}
	return c;
}

/* The row, NULL: there is none, and the sentence; in JSON as well, and its figures. */
static void says(struct compare c, int file, const char *row, const char *sentence,
		 const char *figures)
{
	static const char * const keys[] = { "ratio", "low", "high", "differs", "text", NULL };
	struct json_object *object, *value, *others;
	char *text = printed(&c, file, "80"), *line = line_of(text, c.by);

	is(line, "%s", row);
	free(line);
	line = line_of(text, "scoped: ");
	is(line, "scoped: %s", sentence);
	ktap_check(!strstr(text, "inf") && !strstr(text, "nan"), "an infinite number: %s", text);
	free(line);
	free(text);
	c.common.json = true;
	text = printed(&c, file, "80");
	object = json_tokener_parse(text);
	free(text);
	json_object_object_get_ex(object, "values", &value);
	json_object_object_get_ex(json_object_array_get_idx(value, 0), "others", &others);
	text = fields(json_object_array_get_idx(others, 0), keys);
	is(text, "%s scoped: %s", figures, sentence);
	free(text);
	json_object_put(object);
}

static void check_nothing(int file)
{
	double kept[][8] = { { 0 }, { 0 }, { 2000, 2000, 2000, 2000, 2000, 2000 } };
	double tied[][8] = { { 0 }, { 0 }, { 5, 5, 0, 0, 5, 5 } };
	double open[][8] = { { 0, 0, 0, 100, 100, 100 }, { 0, 0, 100, 100, 100, 100 },
			     { 100, 100, 100, 100, 100, 100 } };
	double some[][8] = { { 0, 0, 0, 0, 0, 0 }, { 7, 7, 7, 7, 7, 7 },
			     { 900, 900, 900, 900, 900, 900 } };
	double most[][8] = { { 0, 0, 0, 0, 0, 0 }, { 7, 7, 7, 7, 7, 0 },
			     { 900, 900, 900, 900, 900, 900 } };
	double less[][8] = { { 9, 9, 9, 9, 9, 9 }, { 9, 9, 9, 9, 9, 9 }, { 0 } };

	says(one_value("kept", kept, 6), file, "kept 0 - 2.0k from 0",
	     "2.0k in kept, where fast has 0", "(null) (null) (null) true");
	says(one_value("stall_ns", kept, 6), file, "stall_ns 0ns - 2.0us from 0",
	     "2.0us in stall_ns, where fast has 0", "(null) (null) (null) true");
	says(one_value("kept", kept, 1), file, "kept 0 - 2.0k from 0",
	     "2.0k in kept, where fast has 0; that is 1 sample, an interval takes 6",
	     "(null) (null) (null) (null)");
	/* Some resamples of it have a median of 0 as well, and are the same. */
	says(one_value("kept", tied, 6), file, "kept 0 - 5 from 0",
	     "no difference shown: 5 in kept, where fast has 0; fast again has no interval",
	     "(null) 1.000000 (null) false");
	says(one_value("kept", open, 6), file, "kept 100 2.00 (0 or more) 100 1.00 (1.00 or more)",
	     "no difference shown: 1.00 or more of fast in kept; fast again is 0 or more",
	     "1.000000 1.000000 (null) false");
	/* Both runs of it together have a median. */
	says(one_value("kept", some, 6), file, "kept 3.5 from 0 900 257.14 (128.57 or more)",
	     "no difference shown: 128.57 or more of fast in kept; fast again has some where fast has 0",
	     "257.142857 128.571429 (null) false");
	says(one_value("kept", most, 6), file, "kept 0 from 0 900 from 0",
	     "no difference shown: 900 in kept, where fast has 0; fast again has some where fast has 0",
	     "(null) 128.571429 (null) false");
	says(one_value("kept", less, 6), file, "kept 9 1.00 (1.00-1.00) 0 0 (0-0)",
	     "0 of fast (0 to 0) in kept", "0.000000 0.000000 0.000000 true");
}

/* While it runs ------------------------------------------------------------- */

static void check_progress(const struct compare *c)
{
	char *text;

	unit_hear(&stderr);
	compare_progress(c, 1, COMPARE_FIRST, 0, 0);
	/* Of 30 runs 10 have taken 40 s: what is not a round's first is not worth a line. */
	compare_progress(c, 3, COMPARE_FIRST, 40, 10);
	compare_progress(c, 3, COMPARE_AGAIN, 44, 11);
	text = unit_heard();
	is(text, "round 1 of 6\nround 3 of 6, 80s left\n");
	free(text);
}

/* A sample is in the file as soon as it is there: a kill may come. */
static void check_file(struct compare *c)
{
	static const char * const keys[] = { "round", "policy", "again", "invalidations", NULL };
	static const char * const names[] = { "ns", "sptes", "cpu/event=0x3c,umask=0x0/", NULL };
	char path[] = "/tmp/compare-print.XXXXXX", *text;
	int fd = mkstemp(path);
	struct json_object *object, *values;

	if (fd < 0)
		vm_die("mkstemp");
	c->output = path;
	c->file = fdopen(fd, "a");
	/* As if the second run of the last round were the last one. */
	c->nr_samples -= 3;
	ktap_equal("written", compare_write_sample(c), 0);
	text = desk_read(path, NULL);
	ktap_check(*text && text[strlen(text) - 1] == '\n', "no line: %s", text);
	object = json_tokener_parse(text);
	free(text);
	text = fields(object, keys);
	is(text, "6 fast true 1");
	free(text);
	json_object_object_get_ex(object, "values", &values);
	text = fields(values, names);
	is(text, "12000.000000 24000.000000 36000.000000");
	free(text);
	json_object_put(object);
	c->nr_samples += 3;
	fclose(c->file);
	c->file = NULL;
	unlink(path);
}

int main(void)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), file = open("/dev/null", O_WRONLY);
	struct compare c = example();

	if (terminal < 0 || file < 0 || !isatty(terminal))
		ktap_skip_all("no terminal is to be had");
	ktap_start(5);
	check(&c, terminal, "200", 1);
	check(&c, terminal, "80", 2);
	/* One at a time is as narrow as it gets. */
	check(&c, terminal, "20", 3);
	check_widths(&c, terminal);
	ktap_result("a terminal has tables that it has room for, with each policy once");
	check(&c, file, "80", 1);
	ktap_result("a file has one");
	c.empty = 3;
	c.mixed = 2;
	check_text(&c, file);
	check_json(&c, file);
	ktap_result("each figure is that of its policy, its value and its samples");
	check_nothing(file);
	ktap_result("over nothing there is no ratio: it is said in words");
	check_progress(&c);
	check_file(&c);
	ktap_result("what is left is estimated, and a sample is written as it comes");
	return ktap_end();
}
