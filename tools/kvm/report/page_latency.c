// SPDX-License-Identifier: GPL-2.0-only
/*
 * How late timers woke in the guest of a comparison, in a report. See page.h.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare_stats.h"
#include "desk.h"
#include "desk_print.h"
#include "page.h"

/* What cyclictest found under one policy, or under the first one again. */
struct lateness {
	char *name;
	struct json_object *json;
	double wakings, longest_us;
};

struct bucket {
	double us, count;
};

static double number_at(struct json_object *list, size_t i)
{
	double number = json_object_get_double(json_object_array_get_idx(list, i));

	return number > 0 && isfinite(number) ? number : 0;
}

/* False: it is none. */
static bool bucket(const struct lateness *l, size_t i, struct bucket *b)
{
	struct json_object *pair = page_at(l->json, "histogram", i);

	if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
		return false;
	*b = (struct bucket){ number_at(pair, 0), number_at(pair, 1) };
	return b->count > 0;
}

/* Those that something is known of: there are at most PAGE_COLOURS. */
static size_t read_all(struct json_object *json, struct lateness *all)
{
	size_t i, j, nr = 0;

	for (i = 0; i < page_length(json, "guest_latency") && nr < PAGE_COLOURS; i++) {
		struct json_object *one = page_at(json, "guest_latency", i);
		const char *policy = page_text(one, "policy");
		struct lateness l = { .json = one };
		struct bucket b;

		page_number(one, "max_us", &l.longest_us);
		for (j = 0; j < page_length(one, "histogram"); j++)
			if (bucket(&l, j, &b))
				break;
		if (!policy || !page_number(one, "wakings", &l.wakings) || !(l.wakings > 0) ||
		    j == page_length(one, "histogram"))
			continue;
		l.name = desk_text("%s%s", policy, json_object_get_boolean(page_get(one, "again")) ?
				   " again (noise)" : "");
		all[nr++] = l;
	}
	return nr;
}

/* What @share of all wakings are not later than. */
static double within_us(const struct lateness *l, double share)
{
	struct bucket b;
	double seen = 0;
	size_t i;

	for (i = 0; i < page_length(l->json, "histogram"); i++) {
		if (!bucket(l, i, &b))
			continue;
		seen += b.count;
		if (seen >= l->wakings * share)
			return b.us;
	}
	return l->longest_us;
}

/* Of the longest of each run, the median. */
static double longest_of_run_us(const struct lateness *l)
{
	size_t i, nr = page_length(l->json, "maxima_us");
	double *v = desk_alloc((nr + 1) * sizeof(*v)), median;

	for (i = 0; i < nr; i++)
		v[i] = number_at(page_get(l->json, "maxima_us"), i);
	median = nr ? stats_median(v, nr) : 0;
	free(v);
	return median;
}

static void cell_us(struct page *page, double us)
{
	page_cell(page, desk_copy(desk_duration(us * 1000).text));
}

static void table(struct page *page, const struct lateness *all, size_t nr)
{
	size_t i;

	page_table(page, "How late the guest's timers wake, by cyclictest in it",
		   "policy|wakings|median|99 %|99.9 %|longest|longest of a run, median");
	for (i = 0; i < nr; i++) {
		page_row(page, all[i].name);
		page_cell(page, page_amount(all[i].wakings, true));
		cell_us(page, within_us(&all[i], 0.5));
		cell_us(page, within_us(&all[i], 0.99));
		cell_us(page, within_us(&all[i], 0.999));
		cell_us(page, all[i].longest_us);
		cell_us(page, longest_of_run_us(&all[i]));
		page_row_end(page);
	}
	page_table_end(page);
}

/* The plot ------------------------------------------------------------------ */

struct curves {
	FILE *to;
	double low_ns, high_ns, least;	/* of what is drawn, @least in percent */
};

static void point(struct curves *c, double us, double percent)
{
	/* 0 has no place on a logarithmic axis. */
	double ns = fmax(us, 1) * 1000;

	fprintf(c->to, "%.9g %.9g\n", ns, percent);
	c->low_ns = fmin(c->low_ns, ns);
	c->high_ns = fmax(c->high_ns, ns);
	c->least = fmin(c->least, percent);
}

/* How many are that late or later. What is too near to the last point to be seen is left out. */
static void write_curve(struct curves *c, const struct lateness *l)
{
	double left = l->wakings, drawn_us = 0;
	size_t i, nr = page_length(l->json, "histogram");
	struct bucket b;

	for (i = 0; i < nr && left > 0; i++) {
		if (!bucket(l, i, &b))
			continue;
		if (left == l->wakings || b.us >= drawn_us * 1.01 || i == nr - 1) {
			point(c, b.us, 100 * left / l->wakings);
			drawn_us = b.us;
		}
		left -= b.count;
	}
	if (left > 0)
		point(c, l->longest_us, 100 * left / l->wakings);
}

static char *script(const struct lateness *all, size_t nr)
{
	struct curves c = { .low_ns = INFINITY, .least = 100 };
	char *text = NULL;
	size_t bytes, i;

	c.to = open_memstream(&text, &bytes);
	if (!c.to)
		return desk_copy("");
	for (i = 0; i < nr; i++) {
		fprintf(c.to, "$l%zu << EOD\n", i);
		write_curve(&c, &all[i]);
		fprintf(c.to, "EOD\n");
	}
	page_axis_ns(c.to, 'x', c.low_ns / 1.2, c.high_ns * 1.2);
	page_axis_ratio(c.to, 'y', c.least / 1.5, 150);
	fprintf(c.to, "set ylabel '%% of wakings'\n");
	for (i = 0; i < nr; i++) {
		char *plain = page_plain(all[i].name);

		fprintf(c.to, "%s $l%zu using 1:2 with linespoints %s pn 6 title '%s'",
			i ? "," : "plot", i, page_style(all[i].name), plain);
		free(plain);
	}
	fclose(c.to);
	return text;
}

static char *in_words(const struct lateness *all, size_t nr)
{
	char *text = NULL;
	size_t bytes, i;
	FILE *to = open_memstream(&text, &bytes);

	if (!to)
		return desk_copy("");
	for (i = 0; i < nr; i++)
		fprintf(to, "%s%s: 50 %% within %s, 99 %% within %s, 99.9 %% within %s, all in %s",
			i ? "; " : "", all[i].name,
			desk_duration(within_us(&all[i], 0.5) * 1000).text,
			desk_duration(within_us(&all[i], 0.99) * 1000).text,
			desk_duration(within_us(&all[i], 0.999) * 1000).text,
			desk_duration(all[i].longest_us * 1000).text);
	fclose(to);
	return text;
}

static void plot(struct page *page, const struct lateness *all, size_t nr)
{
	char *text = script(all, nr), *about = in_words(all, nr);
	const char *names[PAGE_COLOURS];
	size_t i;

	for (i = 0; i < nr; i++)
		names[i] = all[i].name;
	page_out(page, "<div class=\"plots\">\n");
	page_plot(page, "Timers in the guest: how many wake that late or later; left is better",
		  about, text, names, nr, 0);
	page_out(page, "</div>\n");
	free(text);
	free(about);
}

void page_latency(struct page *page, struct json_object *json)
{
	struct lateness all[PAGE_COLOURS];
	size_t nr = read_all(json, all), i;

	if (!nr)
		return;
	table(page, all, nr);
	plot(page, all, nr);
	for (i = 0; i < nr; i++)
		free(all[i].name);
}
