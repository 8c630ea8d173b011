// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs of kvm-zap-bench in a report: one table of all, and what a zap costs by size. See
 * page.h.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "page.h"

static const char *name_of(struct json_object *run, const char *key)
{
	const char *name = page_text(run, key);

	return name ? name : "-";
}

/* The series of @run that @names, which NULL ends, name first. */
static const char *series_of(struct json_object *run, const char * const *names)
{
	double median;

	for (; *names; names++) {
		char *key = desk_text("result.series.%s.median", *names);
		bool known = page_number(run, key, &median);

		free(key);
		if (known)
			return *names;
	}
	return NULL;
}

static bool median_of(struct json_object *run, const char *series, double *median)
{
	char *key = desk_text("result.series.%s.median", series);
	bool known = page_number(run, key, median);

	free(key);
	return known;
}

/* The zap alone, as kvm-zap or the function tracer times it; of both the tracer's. */
static const char * const zap[] = { "traced_ns", "zap_ns", NULL };
/* What the VMM waits for. */
static const char * const call[] = { "delete_ns", "move_ns", "exit_ns", "close_ns", "swaps_ns",
				    NULL };
static const char * const all[] = { "total_ns", "total_cpu_ns", "cpu_ns", NULL };
static const char * const sptes[] = { "zap_sptes", NULL };
static const char * const tables[] = { "zap_tables", NULL };
static const char * const faults[] = { "touch_faults", NULL };
static const char * const kept[] = { "kept_pages", NULL };

static const char * const * const columns[] = { zap, call, all, sptes, tables, faults, kept };

static void row(struct page *page, struct json_object *run)
{
	size_t i;

	page_row(page, name_of(run, "workload"));
	page_out(page, "<td class=\"text\">%s</td><td class=\"text\">%s</td>", name_of(run, "mode"),
		 name_of(run, "policy"));
	for (i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		const char *series = series_of(run, columns[i]);
		double median = 0;

		page_cell(page, page_unit(series ? series : "", median,
					  series && median_of(run, series, &median)));
	}
	page_row_end(page);
}

static void table(struct page *page, const struct page_items *items)
{
	size_t i;

	page_table(page, "Medians. Zap: the dropping of mappings alone; call: the system call or "
		   "the exit that it is in; all: with what follows for the guest",
		   "workload|<MMU|<policy|zap|call|all|SPTEs|tables|faults after|kept");
	for (i = 0; i < items->nr; i++)
		if (items->item[i].kind == PAGE_BENCH)
			row(page, items->item[i].json);
	page_table_end(page);
}

/* Cost by size -------------------------------------------------------------- */

/* One parameter is on the axis: runs of a plot have all others in common. */
struct dimension {
	const char *what;
	bool (*size)(struct json_object *run, double *bytes);
	const char *own;	/* parameters that go with it, between blanks */
};

struct point {
	struct json_object *run;
	const char *policy;
	char *common;
	double bytes;
};

static bool slot_size(struct json_object *run, double *bytes)
{
	double n;

	if (page_number(run, "result.parameters.slot_mib", &n))
		*bytes = n * 1024 * 1024;
	else if (page_number(run, "result.parameters.slot_kib", &n) ||
		 page_number(run, "result.parameters.rom_kib", &n))
		*bytes = n * 1024;
	else
		return false;
	return *bytes > 0;
}

/* Of the rest of the VM if that is known, else of all of it. */
static bool mapped_size(struct json_object *run, double *bytes)
{
	double small, big, mib, vcpus;

	if (page_number(run, "result.parameters.rest_pages", &small)) {
		*bytes = small * 4096;
	} else if (page_number(run, "result.parameters.mapped_4k_pages", &small) &&
		   page_number(run, "result.parameters.mapped_2m_pages", &big)) {
		*bytes = small * 4096 + big * 2 * 1024 * 1024;
	} else {
		if (!page_number(run, "result.parameters.mib", &mib))
			return false;
		*bytes = mib * 1024 * 1024;
		if (page_number(run, "result.parameters.vcpus", &vcpus))
			*bytes *= vcpus;
	}
	return *bytes > 0;
}

static const struct dimension dimensions[] = {
	{ "size of the memslot", slot_size, " slot_mib slot_kib rom_kib " },
	{ "memory that is mapped beside it", mapped_size, " mib rest_pages " },
};

/* What runs of one plot have to have in common, for people. */
static char *common(struct json_object *run, const struct dimension *d)
{
	char *text = desk_text("%s, MMU %s, kernel %s", name_of(run, "result.workload"),
			       name_of(run, "mode"), name_of(run, "result.kernel"));
	struct json_object *parameters = page_get(run, "result.parameters");
	/* How often it was measured, and what follows from the others. */
	static const char none[] = " iterations warmup mapped_4k_pages mapped_2m_pages ";

	if (!json_object_is_type(parameters, json_type_object))
		return text;
	json_object_object_foreach(parameters, key, value) {
		const char *word = json_object_get_string(value);
		char *name = desk_text(" %s ", key), *longer;

		if (!strstr(d->own, name) && !strstr(none, name)) {
			longer = desk_text("%s, %s %s", text, key, word ? word : "-");
			free(text);
			text = longer;
		}
		free(name);
	}
	return text;
}

static int compare_points(const void *a, const void *b)
{
	const struct point *p = a, *q = b;
	int order = strcmp(p->common, q->common);

	if (!order)
		order = strcmp(p->policy, q->policy);
	return order ? order : (p->bytes > q->bytes) - (p->bytes < q->bytes);
}

/* The series that all of them have: what differs is not what was measured. */
static const char *cost(const struct point *p, size_t nr)
{
	static const char * const names[] = { "traced_ns", "zap_ns", "delete_ns", "move_ns",
					      "exit_ns", "close_ns" };
	size_t i, j;
	double median;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (j = 0; j < nr; j++)
			if (!median_of(p[j].run, names[i], &median) || !(median > 0))
				break;
		if (j == nr)
			return names[i];
	}
	return NULL;
}

struct range {
	double low, high;
};

static void reach(struct range *range, double x)
{
	range->low = fmin(range->low, x);
	range->high = fmax(range->high, x);
}

/* Points of a policy are a block of data; returns how many policies there are. */
static size_t write_points(FILE *to, const struct point *p, size_t nr, const char *series,
			   const char **names)
{
	struct range x = { INFINITY, 0 }, y = { INFINITY, 0 };
	size_t i, policies = 0;
	double median;

	for (i = 0; i < nr; i++) {
		if (!i || strcmp(p[i].policy, p[i - 1].policy)) {
			if (policies == PAGE_COLOURS)
				break;
			fprintf(to, "%s$d%zu << EOD\n", policies ? "EOD\n" : "", policies);
			names[policies++] = p[i].policy;
		}
		median_of(p[i].run, series, &median);
		fprintf(to, "%.17g %.17g\n", p[i].bytes, median);
		reach(&x, p[i].bytes);
		reach(&y, median);
	}
	fprintf(to, "EOD\n");
	page_axis_bytes(to, 'x', x.low / 1.3, x.high * 1.3);
	page_axis_ns(to, 'y', y.low / 1.5, y.high * 1.5);
	return policies;
}

static void plot(struct page *page, const struct dimension *d, const struct point *p, size_t nr)
{
	const char *series = cost(p, nr), *names[PAGE_COLOURS];
	char *script = NULL, *title;
	size_t bytes, policies, i;
	FILE *to;

	to = series ? open_memstream(&script, &bytes) : NULL;
	if (!to)
		return;
	policies = write_points(to, p, nr, series, names);
	for (i = 0; i < policies; i++) {
		char *plain = page_plain(names[i]);

		fprintf(to, "%s $d%zu with linespoints %s title '%s'", i ? "," : "plot", i,
			page_style(names[i]), plain);
		free(plain);
	}
	fclose(to);
	title = desk_text("%s by %s: %s", series, d->what, p->common);
	page_plot(page, title, "The figures are in the table.", script, names, policies, 0);
	free(title);
	free(script);
}

static void plot_groups(struct page *page, const struct dimension *d, const struct point *p,
			size_t nr)
{
	size_t first, end, i;

	for (first = 0; first < nr; first = end) {
		bool several = false;

		for (end = first + 1; end < nr && !strcmp(p[end].common, p[first].common); end++)
			;
		for (i = first + 1; i < end; i++)
			several |= p[i].bytes != p[first].bytes;
		if (several)
			plot(page, d, p + first, end - first);
	}
}

static void plots(struct page *page, const struct page_items *items, const struct dimension *d)
{
	struct point *points = desk_alloc((items->nr + 1) * sizeof(*points));
	size_t i, nr = 0;

	for (i = 0; i < items->nr; i++) {
		struct point *p = &points[nr];

		p->run = items->item[i].json;
		if (items->item[i].kind != PAGE_BENCH || !d->size(p->run, &p->bytes))
			continue;
		p->policy = name_of(p->run, "policy");
		p->common = common(p->run, d);
		nr++;
	}
	qsort(points, nr, sizeof(*points), compare_points);
	plot_groups(page, d, points, nr);
	for (i = 0; i < nr; i++)
		free(points[i].common);
	free(points);
}

static bool is_emulated(const struct page_items *items)
{
	size_t i;

	for (i = 0; i < items->nr; i++)
		if (items->item[i].kind == PAGE_BENCH &&
		    strstr(name_of(items->item[i].json, "result.cpu"), "QEMU TCG"))
			return true;
	return false;
}

void page_bench(struct page *page, const struct page_items *items)
{
	size_t i;

	page_out(page, "<h2 id=\"bench\">Workloads of kvm-zap-bench</h2>\n");
	if (is_emulated(items))
		page_out(page, "<p class=\"note\">QEMU emulated the CPU: this is work, not "
			 "time on a real one. In the bench.json of make bench 1 ns is one instruction.</p>\n");
	table(page, items);
	page_out(page, "<div class=\"plots\">\n");
	for (i = 0; i < sizeof(dimensions) / sizeof(*dimensions); i++)
		plots(page, items, &dimensions[i]);
	page_out(page, "</div>\n");
}
