// SPDX-License-Identifier: GPL-2.0-only
/*
 * Figures of kvm-zap stat in a report. See page.h.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "desk_print.h"
#include "page.h"

static const char *name_of(struct json_object *row, const char *key)
{
	const char *name = page_text(row, key);

	return name ? name : "?";
}

static double count_of(struct json_object *row)
{
	double count;

	page_number(row, "count", &count);
	return count;
}

void page_stat_verdicts(struct page *page, struct json_object *json, const char *id)
{
	size_t i, said = 0;

	for (i = 0; i < page_length(json, "rows"); i++) {
		struct json_object *row = page_at(json, "rows", i);
		double total, worst;
		char *text;

		if (!count_of(row))
			continue;
		page_number(row, "total_ns", &total);
		page_number(row, "max_ns", &worst);
		text = desk_text("%.0f invalidation%s, %s in all, the longest %s", count_of(row),
				 count_of(row) == 1 ? "" : "s", desk_duration(total).text,
				 desk_duration(worst).text);
		page_out(page, "<li><a href=\"#%s\">Site %s, %s</a>: %s</li>\n", id,
			 name_of(row, "site"), name_of(row, "policy"), text);
		free(text);
		said++;
	}
	if (!said)
		page_out(page, "<li><a href=\"#%s\">Statistics</a>: no invalidation</li>\n", id);
}

#define TITLES	"site, policy|count|SPTEs|others'|kept|tables|yields|flushes|time|worst"

static void table(struct page *page, struct json_object *json)
{
	static const char * const columns[] = { "count", "sptes", "collateral", "kept", "tables",
						"yields", "flushes", "total_ns", "max_ns" };
	bool rates = false;
	double n;
	size_t i, j;

	for (i = 0; i < page_length(json, "rows"); i++)
		rates |= page_number(page_at(json, "rows", i), "rates.count", &n);
	page_table(page, "Totals since the counters were cleared; rows that are 0 are left out",
		   rates ? TITLES "|a second" : TITLES);
	for (i = 0; i < page_length(json, "rows"); i++) {
		struct json_object *row = page_at(json, "rows", i);
		char *name = desk_text("%s, %s", name_of(row, "site"), name_of(row, "policy"));

		if (count_of(row)) {
			page_row(page, name);
			for (j = 0; j < sizeof(columns) / sizeof(*columns); j++) {
				bool known = page_number(row, columns[j], &n);

				page_cell(page, page_unit(columns[j], n, known));
			}
			if (rates) {
				bool known = page_number(row, "rates.count", &n);

				page_cell(page, page_amount(n, known));
			}
			page_row_end(page);
		}
		free(name);
	}
	page_table_end(page);
}

/* Histograms ---------------------------------------------------------------- */

struct histogram {
	FILE *data, *about;
	const char *names[PAGE_COLOURS];
	size_t nr;
	double low, high;	/* edges, in ns */
};

static double from_of(struct json_object *bucket)
{
	double from;

	page_number(bucket, "from_ns", &from);
	/* The first one has what is below its end, 2 ns. */
	return from > 1 ? from : 1;
}

/* A bucket is twice as wide as the one before it: a rectangle of equal width there. */
static void add_row(struct histogram *h, struct json_object *row)
{
	double all = 0;
	size_t i, nr = page_length(row, "latency");

	for (i = 0; i < nr; i++)
		all += count_of(page_at(row, "latency", i));
	if (!(all > 0) || h->nr == PAGE_COLOURS)
		return;
	fprintf(h->data, "$h%zu << EOD\n", h->nr);
	fprintf(h->about, "%s%s:", h->nr ? "; " : "", name_of(row, "policy"));
	for (i = 0; i < nr; i++) {
		struct json_object *bucket = page_at(row, "latency", i);
		double from = from_of(bucket), share = 100 * count_of(bucket) / all;

		h->low = fmin(h->low, from);
		h->high = fmax(h->high, 2 * from);
		fprintf(h->data, "%.17g %.17g %.17g\n", from, 2 * from, share);
		fprintf(h->about, "%s %.3g %% from %s to %s", i ? "," : "", share,
			desk_duration(from).text, desk_duration(2 * from).text);
	}
	fprintf(h->data, "EOD\n");
	h->names[h->nr++] = name_of(row, "policy");
}

/* Side by side within each bucket, so that none hides another. */
static void write_plot(const struct histogram *h)
{
	size_t i;

	page_axis_ns(h->data, 'x', h->low / 1.2, h->high * 1.2);
	fprintf(h->data, "set yrange [0:*]\nset ylabel '%% of invalidations'\n");
	fprintf(h->data, "set style fill solid 0.75 noborder\n");
	for (i = 0; i < h->nr; i++) {
		double a = 0.04 + 0.92 * i / h->nr, b = 0.04 + 0.92 * (i + 1) / h->nr;
		char *plain = page_plain(h->names[i]);

		/* x, y, and the box from corner to corner. */
		fprintf(h->data, "%s $h%zu using ($1*2**%.4f):3:($1*2**%.4f):($1*2**%.4f):(0):3 "
			"with boxxyerror %s title '%s'", i ? "," : "plot", i, (a + b) / 2, a, b,
			page_style(h->names[i]), plain);
		free(plain);
	}
}

static bool same_site(struct json_object *a, struct json_object *b)
{
	return !strcmp(name_of(a, "site"), name_of(b, "site"));
}

static void plot(struct page *page, struct json_object *json, size_t first)
{
	char *data = NULL, *about = NULL, *title;
	struct histogram h = { .low = INFINITY };
	struct json_object *row = page_at(json, "rows", first);
	size_t bytes, about_bytes, i;

	h.data = open_memstream(&data, &bytes);
	h.about = open_memstream(&about, &about_bytes);
	if (!h.data || !h.about)
		return;
	for (i = first; i < page_length(json, "rows"); i++)
		if (same_site(page_at(json, "rows", i), row))
			add_row(&h, page_at(json, "rows", i));
	if (h.nr)
		write_plot(&h);
	fclose(h.data);
	fclose(h.about);
	title = desk_text("Site %s: time of an invalidation, by powers of 2", name_of(row, "site"));
	if (h.nr)
		page_plot(page, title, about, data, h.names, h.nr, 0);
	free(title);
	free(data);
	free(about);
}

static void histograms(struct page *page, struct json_object *json)
{
	size_t i, j;

	page_out(page, "<div class=\"plots\">\n");
	for (i = 0; i < page_length(json, "rows"); i++) {
		for (j = 0; j < i; j++)
			if (same_site(page_at(json, "rows", j), page_at(json, "rows", i)))
				break;
		if (j == i)
			plot(page, json, i);
	}
	page_out(page, "</div>\n");
}

void page_stat(struct page *page, const struct page_item *item, const char *id)
{
	const char *name = page_text(item->json, "host.name");
	double seconds;
	char *when;

	page_number(item->json, "time", &seconds);
	when = page_time(seconds);
	page_out(page, "<h2 id=\"%s\">Statistics%s%s</h2>\n", id, name ? " of " : "",
		 name ? name : "");
	page_out(page, "<p class=\"dim\">As of %s, in file %s.</p>\n", when, item->path);
	table(page, item->json);
	histograms(page, item->json);
	free(when);
}
