// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results of kvm-zap compare in a report. See page.h.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "page.h"

char *page_compare_what(struct json_object *json)
{
	const char *name = page_text(json, "vm.name");
	char *text = desk_copy(""), *longer;
	double pid;
	size_t i;

	if (name) {
		free(text);
		page_number(json, "vm.pid", &pid);
		return desk_text("VM %s (pid %.0f)", name, pid);
	}
	for (i = 0; i < page_length(json, "command"); i++) {
		const char *word = json_object_get_string(page_at(json, "command", i));

		longer = desk_text("%s%s%s", text, i ? " " : "", word ? word : "");
		free(text);
		text = longer;
	}
	return text;
}

/* The value that the sentences are about. */
static struct json_object *chosen(struct json_object *json)
{
	const char *by = page_text(json, "by");
	size_t i;

	for (i = 0; by && i < page_length(json, "values"); i++) {
		struct json_object *value = page_at(json, "values", i);
		const char *name = page_text(value, "name");

		if (name && !strcmp(name, by))
			return value;
	}
	return page_at(json, "values", 0);
}

void page_compare_verdicts(struct page *page, struct json_object *json, const char *id)
{
	struct json_object *value = chosen(json);
	char *what = page_compare_what(json);
	size_t i;

	for (i = 0; i < page_length(value, "others"); i++) {
		page_out(page, "<li>");
		if (id)
			page_out(page, "<a href=\"#%s\">%s</a>: ", id, what);
		page_out(page, "%s</li>\n", page_text(page_at(value, "others", i), "text"));
	}
	free(what);
}

static const char *policy(struct json_object *json, size_t i)
{
	const char *word = json_object_get_string(page_at(json, "policies", i));

	return word ? word : "?";
}

/* What no policy did. */
static bool is_nothing(struct json_object *value)
{
	double most;
	size_t i;

	if (page_number(value, "first.max", &most) && most > 0)
		return false;
	if (page_number(value, "again.max", &most) && most > 0)
		return false;
	for (i = 0; i < page_length(value, "others"); i++)
		if (page_number(page_at(value, "others", i), "max", &most) && most > 0)
			return false;
	return true;
}

/* The table ----------------------------------------------------------------- */

static void cell_median(struct page *page, const char *name, struct json_object *run)
{
	double median, min, max;
	bool known = page_number(run, "median", &median);
	char *a, *b, *c;

	page_number(run, "min", &min);
	page_number(run, "max", &max);
	a = page_unit(name, median, known);
	b = page_unit(name, min, known);
	c = page_unit(name, max, known);
	page_cell(page, known ? desk_text("%s (%s to %s)", a, b, c) : desk_copy("-"));
	free(a);
	free(b);
	free(c);
}

/* There is none to a median of 0: what is null then is infinite, an upper end as well. */
static void cell_ratio(struct page *page, struct json_object *run)
{
	double ratio, low, high, median;
	bool known = page_number(run, "ratio", &ratio), has_low = page_number(run, "low", &low);
	bool has_high = page_number(run, "high", &high);
	char *a = page_ratio(ratio, known), *b = page_ratio(low, true), *c = page_ratio(high, true);

	if (!known && page_number(run, "median", &median) && median > 0)
		page_cell(page, desk_copy("from 0"));
	else if (known && has_low && !has_high)
		page_cell(page, desk_text("%s (%s or more)", a, b));
	else
		page_cell(page, has_low && has_high ? desk_text("%s (%s to %s)", a, b, c) :
						      desk_copy(a));
	free(a);
	free(b);
	free(c);
}

static void cell_differs(struct page *page, struct json_object *run)
{
	struct json_object *differs = page_get(run, "differs");

	if (!json_object_is_type(differs, json_type_boolean))
		page_out(page, "<td class=\"text\">no interval</td>");
	else if (json_object_get_boolean(differs))
		page_out(page, "<td class=\"text strong\">differs</td>");
	else
		page_out(page, "<td class=\"text\">no difference shown</td>");
}

static char *titles(struct json_object *json)
{
	char *text = desk_text("value|%s|%s again, ratio", policy(json, 0), policy(json, 0));
	char *longer;
	size_t i;

	for (i = 1; i < page_length(json, "policies"); i++) {
		longer = desk_text("%s|%s|%s to %s|<verdict", text, policy(json, i),
				   policy(json, i), policy(json, 0));
		free(text);
		text = longer;
	}
	return text;
}

static void table(struct page *page, struct json_object *json)
{
	char *head = titles(json);
	size_t i, j;

	page_table(page, "For each invalidation: the median (smallest to largest), and the ratio "
		   "of the medians (what 95 % of resampled ones lie in)", head);
	free(head);
	for (i = 0; i < page_length(json, "values"); i++) {
		struct json_object *value = page_at(json, "values", i);
		const char *name = page_text(value, "name");

		if (!name || is_nothing(value))
			continue;
		page_row(page, name);
		cell_median(page, name, page_get(value, "first"));
		cell_ratio(page, page_get(value, "again"));
		for (j = 0; j + 1 < page_length(json, "policies"); j++) {
			struct json_object *other = page_at(value, "others", j);

			cell_median(page, name, other);
			cell_ratio(page, other);
			cell_differs(page, other);
		}
		page_row_end(page);
	}
	page_table_end(page);
}

/* The page may be read by someone who has never seen the command. */
static void explain(struct page *page, struct json_object *json)
{
	static const char * const texts[][2] = {
		{ "ns", "time that the invalidation took" },
		{ "update_ns", "time that the VMM waited for the memslot updates around it" },
		{ "stall_ns", "time of vCPUs in page faults that followed it" },
		{ "refaults", "page faults that followed it" },
		{ "sptes", "mappings that it dropped" },
		{ "collateral", "how many of these cannot have been the memslot's" },
		{ "kept", "mappings that scoped left in place" },
		{ "tables", "page tables that it dropped" },
		{ "yields", "times that it let go of mmu_lock" },
	};
	size_t i, j, said = 0;

	for (i = 0; i < page_length(json, "values"); i++) {
		struct json_object *value = page_at(json, "values", i);
		const char *name = page_text(value, "name");

		for (j = 0; name && j < sizeof(texts) / sizeof(*texts); j++) {
			if (strcmp(texts[j][0], name) || is_nothing(value))
				continue;
			page_out(page, said++ ? "; %s: %s" : "<p class=\"dim\">%s: %s",
				 texts[j][0], texts[j][1]);
		}
	}
	if (said)
		page_out(page, ".</p>\n");
}

/* Plots --------------------------------------------------------------------- */

static size_t nr_series(struct json_object *json)
{
	size_t nr = page_length(json, "policies");

	return nr < PAGE_COLOURS ? nr : PAGE_COLOURS;
}

static void add_ratio(struct page_bars *bars, size_t series, struct json_object *run)
{
	double ratio, low, high;
	bool interval = page_number(run, "low", &low);

	if (!page_number(run, "ratio", &ratio))
		return;
	if (!interval)
		low = ratio;
	/* A low end alone: there is no end to the other side. */
	if (!page_number(run, "high", &high))
		high = interval ? INFINITY : ratio;
	page_bars_add(bars, series, ratio, low, high);
}

/* There is no ratio to a median of 0. */
static bool has_ratio(struct json_object *value)
{
	double ratio;
	size_t i;

	for (i = 0; i < page_length(value, "others"); i++)
		if (page_number(page_at(value, "others", i), "ratio", &ratio))
			return true;
	return page_number(value, "again.ratio", &ratio);
}

/* Of all values: what is left of the line is less than under the first policy. */
static void plot_ratios(struct page *page, struct json_object *json)
{
	char *again = desk_text("%s again (noise)", policy(json, 0));
	char *title = desk_text("Ratio to %s, and what 95 %% of resampled ones lie in; left of the "
				"line is less", policy(json, 0));
	struct page_bars *bars = page_bars_new(title, page_axis_ratio);
	size_t i, j;

	page_bars_series(bars, again);
	for (j = 1; j < nr_series(json); j++)
		page_bars_series(bars, policy(json, j));
	page_bars_line(bars, 1);
	for (i = 0; i < page_length(json, "values"); i++) {
		struct json_object *value = page_at(json, "values", i);

		if (!page_text(value, "name") || !has_ratio(value))
			continue;
		page_bars_row(bars, page_text(value, "name"));
		add_ratio(bars, 0, page_get(value, "again"));
		for (j = 1; j < nr_series(json); j++)
			add_ratio(bars, j, page_at(value, "others", j - 1));
	}
	page_bars_print(page, bars);
	free(title);
	free(again);
}

static void add_median(struct page_bars *bars, size_t series, struct json_object *run)
{
	double median, min, max;

	if (page_number(run, "median", &median) && page_number(run, "min", &min) &&
	    page_number(run, "max", &max))
		page_bars_add(bars, series, median, min, max);
}

static void plot_times(struct page *page, struct json_object *json)
{
	struct page_bars *bars = page_bars_new("Time for each invalidation: median, smallest and "
					       "largest sample", page_axis_ns);
	size_t i, j;

	for (j = 0; j < nr_series(json); j++)
		page_bars_series(bars, policy(json, j));
	for (i = 0; i < page_length(json, "values"); i++) {
		struct json_object *value = page_at(json, "values", i);
		const char *name = page_text(value, "name");

		if (!name || strlen(name) < 2 || strcmp(name + strlen(name) - 2, "ns") ||
		    is_nothing(value))
			continue;
		page_bars_row(bars, name);
		add_median(bars, 0, page_get(value, "first"));
		for (j = 1; j < nr_series(json); j++)
			add_median(bars, j, page_at(value, "others", j - 1));
	}
	page_bars_print(page, bars);
}

/* The section --------------------------------------------------------------- */

static void plain_count(struct page *page, struct json_object *json, const char *key,
			const char *text)
{
	char *number;
	double n;

	if (!page_number(json, key, &n) || !n)
		return;
	number = desk_text("%.0f", n);
	page_out(page, " %s %s.", number, text);
	free(number);
}

void page_compare(struct page *page, const struct page_item *item, const char *id)
{
	char *what = page_compare_what(item->json), *done;
	double rounds, rounds_done;

	page_number(item->json, "rounds", &rounds);
	page_number(item->json, "rounds_done", &rounds_done);
	done = desk_text("%.0f of %.0f rounds", rounds_done, rounds);
	page_out(page, "<h2 id=\"%s\">Comparison: %s</h2>\n", id, what);
	page_out(page, "<p class=\"dim\">%s, in file %s.", done, item->path);
	plain_count(page, item->json, "runs_empty",
		    "runs had no invalidation and count for nothing");
	plain_count(page, item->json, "runs_mixed",
		    "runs had some at site mmio as well and count for nothing");
	page_out(page, "</p>\n<ul class=\"said\">\n");
	page_compare_verdicts(page, item->json, NULL);
	page_out(page, "</ul>\n");
	table(page, item->json);
	explain(page, item->json);
	page_out(page, "<div class=\"plots\">\n");
	plot_ratios(page, item->json);
	plot_times(page, item->json);
	page_out(page, "</div>\n");
	page_latency(page, item->json);
	free(done);
	free(what);
}
