// SPDX-License-Identifier: GPL-2.0-only
/*
 * The output of kvm-zap compare: for each sample while it runs, and at the end. See
 * compare.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "compare_guest.h"
#include "desk.h"
#include "desk_json.h"
#include "desk_print.h"

/* While it runs ------------------------------------------------------------- */

void compare_progress(const struct compare *c, unsigned int round, unsigned int run,
		      double seconds, unsigned int done)
{
	unsigned int all = c->rounds * compare_runs(c);
	char left[48] = "";

	if (done)
		snprintf(left, sizeof(left), ", %s left",
			 desk_duration(seconds / done * (all - done) * 1e9).text);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[Kround %u of %lu, %s%s%s", round, c->rounds,
			compare_policy(c, run), run == COMPARE_AGAIN ? " again" : "", left);
	else if (done % compare_runs(c) == 0)
		fprintf(stderr, "round %u of %lu%s\n", round, c->rounds, left);
}

static void add_what(const struct compare *c, struct json_object *object)
{
	struct json_object *command = NULL;
	size_t i;

	json_object_object_add(object, "vm", c->who ? desk_json_vm_short(c->vm) : NULL);
	if (c->command)
		command = json_object_new_array();
	for (i = 0; command && c->command[i]; i++) {
		char *word = desk_utf8(c->command[i]);

		json_object_array_add(command, json_object_new_string(word));
		free(word);
	}
	json_object_object_add(object, "command", command);
}

int compare_write_sample(struct compare *c)
{
	const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	const struct compare_sample *s = &c->samples[c->nr_samples - 1];
	struct json_object *object, *values;
	size_t i;
	int ret;

	if (!c->file)
		return DESK_OK;
	object = desk_json_new("compare-sample");
	desk_json_number(object, "time", time(NULL));
	add_what(c, object);
	desk_json_number(object, "round", s->round);
	desk_json_text(object, "policy", compare_policy(c, s->run));
	desk_json_bool(object, "again", s->run == COMPARE_AGAIN);
	desk_json_real(object, "seconds", s->seconds, true);
	desk_json_number(object, "invalidations", s->invalidations);
	values = json_object_new_object();
	for (i = 0; i < c->nr_values; i++)
		desk_json_real(values, c->names[i], s->values[i],
			       s->invalidations && !isnan(s->values[i]));
	json_object_object_add(object, "values", values);
	ret = fprintf(c->file, "%s\n", json_object_to_json_string_ext(object, flags)) < 0;
	json_object_put(object);
	if (!ret && !fflush(c->file))
		return DESK_OK;
	desk_say("%s: %s", c->output, strerror(errno));
	return DESK_NOT;
}

/* At the end ---------------------------------------------------------------- */

/* Samples of @run that have @value, and of COMPARE_AGAIN as well with @both; free() it. */
static double *series(const struct compare *c, size_t value, unsigned int run, bool both,
		      size_t *nr)
{
	double *v = desk_alloc((c->nr_samples + 1) * sizeof(*v));
	size_t i;

	for (i = *nr = 0; i < c->nr_samples; i++) {
		const struct compare_sample *s = &c->samples[i];

		if (s->run != run && !(both && s->run == COMPARE_AGAIN))
			continue;
		if (s->invalidations && !isnan(s->values[value]))
			v[(*nr)++] = s->values[value];
	}
	return v;
}

static double median(const struct compare *c, size_t value, unsigned int run, bool both,
		     size_t *nr)
{
	double *v = series(c, value, run, both, nr);
	double median = *nr ? stats_median(v, *nr) : NAN;

	free(v);
	return median;
}

/* To the first policy: A/A of its own two, A/B of both together. */
static struct ratio ratio(const struct compare *c, size_t value, unsigned int run)
{
	size_t nbase, n;
	double *base = series(c, value, COMPARE_FIRST, run != COMPARE_AGAIN, &nbase);
	double *v = series(c, value, run, false, &n);
	struct ratio r;

	stats_ratio(base, nbase, v, n, c->seed, &r);
	free(base);
	free(v);
	return r;
}

static struct desk_word number(double x)
{
	struct desk_word word;

	if (x && x < 0.0001)
		snprintf(word.text, sizeof(word.text), "<0.0001");
	else
		snprintf(word.text, sizeof(word.text), "%.*f", !x ? 0 : x < 0.00995 ? 4 :
			 x < 0.0995 ? 3 : 2, x);
	return word;
}

static struct desk_word amount(const char *name, double median)
{
	size_t len = strlen(name);

	if (len > 1 && !strcmp(name + len - 2, "ns"))
		return desk_duration(median);
	return desk_amount(median);
}

/* Over a median of 0 there is no ratio, and so no end; free() it. */
static char *interval(const struct ratio *r, const char *to)
{
	if (isinf(r->high))
		return desk_text("%s or more", number(r->low).text);
	return desk_text("%s%s%s", number(r->low).text, to, number(r->high).text);
}

/* How much of the first policy's a run has, or how much it has where that has none. */
static char *relation(const struct compare *c, size_t value, unsigned int run,
		      const struct ratio *r, const char *of)
{
	const char *base = c->policies[0], *name = c->names[value];
	size_t n;

	if (!isinf(r->ratio))
		return desk_text("%s of %s in %s", of, base, name);
	return desk_text("%s in %s, where %s has 0",
			 amount(name, median(c, value, run, false, &n)).text, name, base);
}

/* What the first policy is of itself. */
static char *noise(const struct compare *c, const struct ratio *same)
{
	const char *base = c->policies[0];
	char *range, *text;

	if (!same->has_interval)
		return desk_text("%s again has no interval", base);
	if (isinf(same->low))
		return desk_text("%s again has some where %s has 0", base, base);
	range = interval(same, " to ");
	text = desk_text("%s again is %s", base, range);
	free(range);
	return text;
}

static char *with_interval(const struct compare *c, size_t value, unsigned int run,
			   const struct ratio *r)
{
	struct ratio same = ratio(c, value, COMPARE_AGAIN);
	const char *policy = compare_policy(c, run), *base = c->policies[0];
	char *range = interval(r, " to "), *of = relation(c, value, run, r, range);
	char *again = noise(c, &same), *text;

	if (!stats_differs(r, &same))
		text = desk_text("%s: no difference shown: %s; %s", policy, of, again);
	else if (isinf(r->ratio))
		text = desk_text("%s: %s", policy, of);
	else
		text = desk_text("%s: %s of %s (%s) in %s", policy, number(r->ratio).text,
				 base, range, c->names[value]);
	free(again);
	free(range);
	free(of);
	return text;
}

static char *sentence(const struct compare *c, size_t value, unsigned int run)
{
	struct ratio r = ratio(c, value, run);
	const char *policy = compare_policy(c, run);
	char *of, *text;
	size_t n;

	median(c, value, run, false, &n);
	if (!r.known && n)
		return desk_text("%s: no difference shown, both have no %s", policy,
				 c->names[value]);
	if (!r.known)
		return desk_text("%s: no sample", policy);
	if (r.has_interval)
		return with_interval(c, value, run, &r);
	of = relation(c, value, run, &r, number(r.ratio).text);
	text = desk_text("%s: %s; that is %zu sample%s, an interval takes %d", policy, of, n,
			 n == 1 ? "" : "s", STATS_ENOUGH);
	free(of);
	return text;
}

/* Of the value that --by names. */
static size_t chosen(const struct compare *c)
{
	size_t i;

	for (i = 0; i < c->nr_values; i++)
		if (!strcmp(c->names[i], c->by))
			return i;
	return 0;
}

static void add_ratio(struct desk_grid *grid, const struct ratio *r)
{
	char *text, *range;

	if (!r->known) {
		text = desk_copy("-");
	} else if (isinf(r->ratio)) {
		text = desk_copy("from 0");
	} else if (!r->has_interval) {
		text = desk_copy(number(r->ratio).text);
	} else {
		range = interval(r, "-");
		text = desk_text("%s (%s)", number(r->ratio).text, range);
		free(range);
	}
	desk_grid_add(grid, text);
	free(text);
}

static void add_median(struct desk_grid *grid, const char *name, double median)
{
	desk_grid_add(grid, isnan(median) ? "-" : amount(name, median).text);
}

/* What neither policy did, and what was not counted. */
static bool is_nothing(const struct compare *c, size_t value)
{
	size_t i;

	for (i = 0; i < c->nr_samples; i++)
		if (c->samples[i].invalidations && c->samples[i].values[value] > 0)
			return false;
	return true;
}

/* Of the first policy and so many others, from run @from on. */
static struct desk_grid *make_table(const struct compare *c, unsigned int from, unsigned int nr)
{
	char *titles = desk_text("VALUE %s again", c->policies[0]), *longer;
	struct desk_grid *grid;
	unsigned int run;
	size_t i, n;

	for (run = from; run < from + nr; run++) {
		longer = desk_text("%s %s /%s", titles, compare_policy(c, run), c->policies[0]);
		free(titles);
		titles = longer;
	}
	grid = desk_grid_new(titles, "");
	free(titles);
	for (i = 0; i < c->nr_values; i++) {
		struct ratio r;

		if (is_nothing(c, i))
			continue;
		r = ratio(c, i, COMPARE_AGAIN);
		desk_grid_add(grid, c->names[i]);
		add_median(grid, c->names[i], median(c, i, COMPARE_FIRST, true, &n));
		add_ratio(grid, &r);
		for (run = from; run < from + nr; run++) {
			r = ratio(c, i, run);
			add_median(grid, c->names[i], median(c, i, run, false, &n));
			add_ratio(grid, &r);
		}
	}
	return grid;
}

/* As many policies beside each other as the terminal has room for, one at least. */
static void print_table(const struct compare *c)
{
	unsigned int run = COMPARE_OTHERS, left = c->nr_policies - 1, nr = left;
	int columns = desk_columns();

	for (;;) {
		struct desk_grid *grid = make_table(c, run, nr);

		if (columns && nr > 1 && desk_grid_least(grid) > columns) {
			desk_grid_free(grid);
			nr--;
			continue;
		}
		desk_grid_print(grid, columns);
		run += nr;
		left -= nr;
		if (!left)
			return;
		nr = nr < left ? nr : left;
	}
}

static void print_text(const struct compare *c)
{
	char *what = desk_printable(c->what);
	uint64_t invalidations = 0;
	unsigned int run;
	size_t i;

	for (i = 0; i < c->nr_samples; i++)
		invalidations += c->samples[i].invalidations;
	printf("%s: %u of %lu rounds, %lu invalidations; medians per invalidation\n", what,
	       c->rounds_done, c->rounds, invalidations);
	free(what);
	print_table(c);
	compare_latency_print(c);
	if (c->empty)
		printf("%u of %zu runs had no invalidation and count for nothing\n", c->empty,
		       c->nr_samples);
	if (c->mixed)
		printf("%u of %zu runs had some at site mmio as well and count for nothing\n",
		       c->mixed, c->nr_samples);
	run = c->nr_policies > 1 ? COMPARE_OTHERS : COMPARE_AGAIN;
	for (; run < compare_runs(c); run++) {
		char *text = sentence(c, chosen(c), run);

		puts(text);
		free(text);
	}
}

static struct json_object *json_ratio(const struct ratio *r)
{
	struct json_object *object = json_object_new_object();

	desk_json_real(object, "ratio", r->ratio, r->known);
	desk_json_real(object, "low", r->low, r->has_interval);
	desk_json_real(object, "high", r->high, r->has_interval);
	return object;
}

static struct json_object *json_run(const struct compare *c, size_t value, unsigned int run)
{
	struct json_object *object;
	struct ratio r = ratio(c, value, run), same = ratio(c, value, COMPARE_AGAIN);
	struct summary sum = { };
	size_t n;
	double *v = series(c, value, run, false, &n);
	char *text = sentence(c, value, run);

	if (n)
		stats_summarize(v, n, &sum);
	object = run == COMPARE_FIRST ? json_object_new_object() : json_ratio(&r);
	desk_json_text(object, "policy", compare_policy(c, run));
	desk_json_number(object, "samples", n);
	desk_json_real(object, "median", sum.median, n);
	desk_json_real(object, "min", sum.min, n);
	desk_json_real(object, "max", sum.max, n);
	desk_json_real(object, "mad", sum.mad, n);
	if (run >= COMPARE_OTHERS) {
		json_object_object_add(object, "differs", r.has_interval ?
				       json_object_new_boolean(stats_differs(&r, &same)) : NULL);
		desk_json_text(object, "text", text);
	}
	free(text);
	free(v);
	return object;
}

static struct json_object *json_value(const struct compare *c, size_t value)
{
	struct json_object *object = json_object_new_object(), *list = json_object_new_array();
	unsigned int run;

	desk_json_text(object, "name", c->names[value]);
	json_object_object_add(object, "first", json_run(c, value, COMPARE_FIRST));
	json_object_object_add(object, "again", json_run(c, value, COMPARE_AGAIN));
	for (run = COMPARE_OTHERS; run < compare_runs(c); run++)
		json_object_array_add(list, json_run(c, value, run));
	json_object_object_add(object, "others", list);
	return object;
}

static int print_json(const struct compare *c)
{
	struct json_object *object = desk_json_new("compare"), *list = json_object_new_array();
	size_t i;

	json_object_object_add(object, "host", desk_json_host());
	add_what(c, object);
	for (i = 0; i < c->nr_policies; i++)
		json_object_array_add(list, json_object_new_string(c->policies[i]));
	json_object_object_add(object, "policies", list);
	desk_json_number(object, "rounds", c->rounds);
	desk_json_number(object, "rounds_done", c->rounds_done);
	desk_json_number(object, "seed", c->seed);
	desk_json_number(object, "runs", c->nr_samples);
	desk_json_number(object, "runs_empty", c->empty);
	desk_json_number(object, "runs_mixed", c->mixed);
	desk_json_text(object, "by", c->by);
	list = json_object_new_array();
	for (i = 0; i < c->nr_values; i++)
		json_object_array_add(list, json_value(c, i));
	json_object_object_add(object, "values", list);
	json_object_object_add(object, "guest_latency", compare_latency_json(c));
	return desk_json_print(object, false);
}

int compare_print(struct compare *c)
{
	if (c->common.json)
		return print_json(c);
	print_text(c);
	return DESK_OK;
}
