// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plot of a report: rows with points that have a low and a high end, one of each
 * series, on a logarithmic axis. See page.h.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "page.h"

struct point {
	size_t row, series;
	double at, low, high;
};

struct page_bars {
	const char *title;
	void (*axis)(FILE *script, char axis, double low, double high);
	const char *series[PAGE_COLOURS];
	size_t nr_series;
	const char **rows;
	size_t nr_rows;
	struct point *points;
	size_t nr_points;
	double line;
	double low, high;		/* of what is above 0 */
	bool has_zero;
};

struct page_bars *page_bars_new(const char *title,
				void (*axis)(FILE *script, char axis, double low, double high))
{
	struct page_bars *bars = desk_alloc(sizeof(*bars));

	bars->title = title;
	bars->axis = axis;
	bars->low = INFINITY;
	return bars;
}

void page_bars_series(struct page_bars *bars, const char *name)
{
	bars->series[bars->nr_series++] = name;
}

void page_bars_row(struct page_bars *bars, const char *name)
{
	bars->rows = desk_grow(bars->rows, bars->nr_rows + 1, sizeof(*bars->rows));
	bars->rows[bars->nr_rows++] = name;
}

static void reach(struct page_bars *bars, double x)
{
	if (!(x > 0)) {
		bars->has_zero = true;
		return;
	}
	bars->low = fmin(bars->low, x);
	bars->high = fmax(bars->high, x);
}

void page_bars_line(struct page_bars *bars, double at)
{
	bars->line = at;
	reach(bars, at);
}

void page_bars_add(struct page_bars *bars, size_t series, double at, double low, double high)
{
	bars->points = desk_grow(bars->points, bars->nr_points + 1, sizeof(*bars->points));
	bars->points[bars->nr_points++] = (struct point) {
		bars->nr_rows - 1, series, at, low, high,
	};
	reach(bars, at);
	reach(bars, low);
	reach(bars, high);
}

/* Rows go down from -1, the series of each are side by side. */
static double height(const struct page_bars *bars, const struct point *p)
{
	return -1.0 - p->row + ((bars->nr_series - 1) / 2.0 - p->series) * 0.6 / bars->nr_series;
}

/* 0 has no place on a logarithmic axis: it gets one left of all others. */
static double zero(const struct page_bars *bars)
{
	return bars->low / 4;
}

static double place_of(const struct page_bars *bars, double x)
{
	return x > 0 ? x : zero(bars);
}

static void write_data(const struct page_bars *bars, FILE *script)
{
	size_t i, series;

	for (series = 0; series < bars->nr_series; series++) {
		fprintf(script, "$d%zu << EOD\n", series);
		for (i = 0; i < bars->nr_points; i++) {
			const struct point *p = &bars->points[i];

			if (p->series == series)
				fprintf(script, "%.17g %.17g %.17g %.17g\n",
					place_of(bars, p->at), height(bars, p),
					place_of(bars, p->low), place_of(bars, p->high));
		}
		fprintf(script, "EOD\n");
	}
}

static void write_labels(const struct page_bars *bars, FILE *script)
{
	size_t i;

	fprintf(script, "set yrange [-%zu.5:-0.5]\nset ytics scale 0 (", bars->nr_rows);
	for (i = 0; i < bars->nr_rows; i++) {
		char *plain = page_plain(bars->rows[i]);

		fprintf(script, "%s'%.16s' -%zu", i ? ", " : "", plain, i + 1);
		free(plain);
	}
	fprintf(script, ")\n");
}

static bool has_points(const struct page_bars *bars, size_t series)
{
	size_t i;

	for (i = 0; i < bars->nr_points; i++)
		if (bars->points[i].series == series)
			return true;
	return false;
}

static char *script(const struct page_bars *bars)
{
	char *text = NULL;
	size_t bytes, series, drawn = 0;
	FILE *to = open_memstream(&text, &bytes);

	if (!to)
		return desk_copy("");
	write_data(bars, to);
	write_labels(bars, to);
	bars->axis(to, 'x', bars->low / 1.3, bars->high * 1.3);
	if (bars->has_zero)
		fprintf(to, "set xtics add ('0' %.17g)\nset xrange [%.17g:%.17g]\n", zero(bars),
			zero(bars) / 1.3, bars->high * 1.3);
	if (bars->line)
		fprintf(to, "set arrow from %g, graph 0 to %g, graph 1 nohead lw 1.5\n", bars->line,
			bars->line);
	for (series = 0; series < bars->nr_series; series++) {
		char *plain = page_plain(bars->series[series]);

		if (has_points(bars, series))
			fprintf(to, "%s $d%zu using 1:2:3:4 with xerrorbars %s title '%s'",
				drawn++ ? "," : "plot", series,
				page_style(bars->series[series]), plain);
		free(plain);
	}
	fclose(to);
	return text;
}

/* The same in words, for readers who cannot see it. */
static char *in_words(const struct page_bars *bars)
{
	char *text = NULL;
	size_t bytes, i;
	FILE *to = open_memstream(&text, &bytes);

	if (!to)
		return desk_copy("");
	for (i = 0; i < bars->nr_points; i++) {
		const struct point *p = &bars->points[i];

		fprintf(to, "%s%s, %s: %.3g (%.3g to %.3g)", i ? "; " : "", bars->rows[p->row],
			bars->series[p->series], p->at, p->low, p->high);
	}
	fclose(to);
	return text;
}

void page_bars_print(struct page *page, struct page_bars *bars)
{
	/* All are 0, or there are none: there is no axis for that. */
	if (bars->nr_points && bars->high > 0) {
		char *text = script(bars), *words = in_words(bars);

		page_plot(page, bars->title, words, text, bars->series, bars->nr_series);
		free(text);
		free(words);
	}
	free(bars->points);
	free(bars->rows);
	free(bars);
}
