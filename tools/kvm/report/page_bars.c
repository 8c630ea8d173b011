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

#define LINE_CHARS	16	/* of a row's name, which may have several lines */
#define LINE_HEIGHT	24	/* of a line in pixels */

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
	if (isinf(x))
		return;
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

/*
 * How many characters of a name go into its first line: of a long one up to a comma or the
 * like, if there is one in the line's second half.
 */
static size_t first_line(const char *name)
{
	size_t len = strlen(name), i;

	if (len <= LINE_CHARS)
		return len;
	for (i = LINE_CHARS; i > LINE_CHARS / 2; i--)
		if (strchr(",/ _-:=", name[i - 1]))
			return i;
	return LINE_CHARS;
}

static size_t nr_lines(const char *name)
{
	size_t nr = 1;

	for (name += first_line(name); *name; name += first_line(name))
		nr++;
	return nr;
}

/* Lines of all names above @row. */
static size_t lines_above(const struct page_bars *bars, size_t row)
{
	size_t nr = 0, i;

	for (i = 0; i < row; i++)
		nr += nr_lines(bars->rows[i]);
	return nr;
}

/* The middle of a row, which is as high as its name has lines. Rows go down from -0.5. */
static double middle(const struct page_bars *bars, size_t row)
{
	return -0.5 - lines_above(bars, row) - nr_lines(bars->rows[row]) / 2.0;
}

/* The series of a row are side by side. */
static double height(const struct page_bars *bars, const struct point *p)
{
	return middle(bars, p->row) +
	       ((bars->nr_series - 1) / 2.0 - p->series) * 0.6 / bars->nr_series;
}

/* 0 has no place on a logarithmic axis: it gets one left of all others. */
static double zero(const struct page_bars *bars)
{
	return bars->low / 4;
}

/* Where the axis ends. */
static double most(const struct page_bars *bars)
{
	return bars->high * 1.3;
}

static double place_of(const struct page_bars *bars, double x)
{
	return isinf(x) ? most(bars) : x > 0 ? x : zero(bars);
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

/* In double quotes, where gnuplot has a \n, and page_plain() leaves nothing else that counts. */
static void write_name(const char *name, FILE *script)
{
	char *plain = page_plain(name), *line = plain;

	fputc('"', script);
	while (*line) {
		size_t bytes = first_line(line);

		fprintf(script, "%s%.*s", line == plain ? "" : "\\n", (int)bytes, line);
		line += bytes;
	}
	fputc('"', script);
	free(plain);
}

static void write_labels(const struct page_bars *bars, FILE *script)
{
	size_t i;

	fprintf(script, "set yrange [-%zu.5:-0.5]\nset ytics scale 0 (",
		lines_above(bars, bars->nr_rows));
	for (i = 0; i < bars->nr_rows; i++) {
		fputs(i ? ", " : "", script);
		write_name(bars->rows[i], script);
		fprintf(script, " %g", middle(bars, i));
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
	bars->axis(to, 'x', bars->low / 1.3, most(bars));
	if (bars->has_zero)
		fprintf(to, "set xtics add ('0' %.17g)\nset xrange [%.17g:%.17g]\n", zero(bars),
			zero(bars) / 1.3, most(bars));
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

		fprintf(to, "%s%s, %s: %.3g ", i ? "; " : "", bars->rows[p->row],
			bars->series[p->series], p->at);
		if (isinf(p->high))
			fprintf(to, "(%.3g or more)", p->low);
		else
			fprintf(to, "(%.3g to %.3g)", p->low, p->high);
	}
	fclose(to);
	return text;
}

void page_bars_print(struct page *page, struct page_bars *bars)
{
	/* All are 0, or there are none: there is no axis for that. */
	if (bars->nr_points && bars->high > 0) {
		char *text = script(bars), *words = in_words(bars);
		size_t more = lines_above(bars, bars->nr_rows) - bars->nr_rows;

		page_plot(page, bars->title, words, text, bars->series, bars->nr_series,
			  more * LINE_HEIGHT);
		free(text);
		free(words);
	}
	free(bars->points);
	free(bars->rows);
	free(bars);
}
