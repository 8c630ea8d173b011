// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalidations summed up by VM, memslot and policy. See trace.h.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "desk.h"
#include "desk_json.h"
#include "desk_print.h"
#include "trace.h"

/* Columns of WHAT on a terminal, of 80. */
#define TOP_WHAT	(desk_columns() ? 20 : 0)

static struct row {
	struct trace_event last;
	uint64_t count, sptes, collateral, ns, max_ns;
} *rows;

static size_t nr;

static bool is_same(const struct trace_event *a, const struct trace_event *b)
{
	/* Words are the same pointers, for they come from one list. */
	return a->vm == b->vm && a->site == b->site && a->policy == b->policy &&
	       a->as_id == b->as_id && a->slot == b->slot;
}

void trace_top_add(const struct trace_event *event)
{
	struct row *row;
	size_t i;

	if (event->kind != TRACE_ZAP)
		return;
	for (i = 0; i < nr && !is_same(&rows[i].last, event); i++)
		;
	if (i == nr) {
		rows = desk_grow(rows, nr + 1, sizeof(*rows));
		memset(&rows[nr++], 0, sizeof(*rows));
	}
	row = &rows[i];
	row->last = *event;
	row->count++;
	row->sptes += event->sptes;
	row->collateral += event->collateral;
	row->ns += event->ns;
	if ((uint64_t)event->ns > row->max_ns)
		row->max_ns = event->ns;
}

static int by_rate(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return a->ns < b->ns ? 1 : a->ns > b->ns ? -1 : 0;
}

/* Rows that a terminal has room for, below the line above them and the titles. */
static size_t visible(void)
{
	struct winsize size;

	if (!desk_columns() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row < 5)
		return nr;
	return nr > size.ws_row - 4U ? size.ws_row - 4U : nr;
}

static void print_head(double seconds, uint64_t lost)
{
	time_t now = time(NULL);
	uint64_t count = 0;
	struct tm tm;
	char clock[16];
	size_t i;

	for (i = 0; i < nr; i++)
		count += rows[i].count;
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	/* A terminal shows the newest table alone. */
	if (desk_columns())
		fputs("\033[H\033[2J", stdout);
	printf("%s: %s invalidations a second within %.1f s, %lu events lost\n", clock,
	       desk_amount(count / seconds).text, seconds, lost);
}

static void print_text(double seconds, uint64_t lost)
{
	size_t i, shown = visible();
	struct desk_grid *grid;

	print_head(seconds, lost);
	grid = desk_grid_new("VM PID POLICY INV/S TIME WORST SPTES/S OTHERS/S WHAT",
			     " POLICY WHAT ");
	for (i = 0; i < shown; i++) {
		const struct row *row = &rows[i];
		char *pid = desk_text("%ld", row->last.vm);
		char *what = trace_what(&row->last, TOP_WHAT);

		desk_grid_add(grid, trace_name(row->last.vm));
		desk_grid_add(grid, pid);
		desk_grid_add(grid, row->last.policy);
		desk_grid_add(grid, desk_amount(row->count / seconds).text);
		desk_grid_add(grid, desk_percent(row->ns / 1e9 / seconds).text);
		desk_grid_add(grid, desk_duration(row->max_ns).text);
		desk_grid_add(grid, desk_amount(row->sptes / seconds).text);
		desk_grid_add(grid, desk_amount(row->collateral / seconds).text);
		desk_grid_add(grid, what);
		free(what);
		free(pid);
	}
	desk_grid_print(grid, desk_columns());
	if (!nr)
		puts("(no invalidation)");
	else if (shown < nr)
		printf("(%zu more)\n", nr - shown);
	else if (!desk_columns())
		putchar('\n');
}

static struct json_object *json_row(const struct row *row, double seconds)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "vm", trace_json_vm(row->last.vm));
	desk_json_text(object, "site", row->last.site);
	desk_json_text(object, "policy", row->last.policy);
	trace_json_what(object, &row->last);
	desk_json_number(object, "count", row->count);
	desk_json_number(object, "sptes", row->sptes);
	desk_json_number(object, "collateral", row->collateral);
	desk_json_number(object, "ns", row->ns);
	desk_json_number(object, "max_ns", row->max_ns);
	desk_json_real(object, "rate", row->count / seconds, true);
	desk_json_real(object, "share", row->ns / 1e9 / seconds, true);
	return object;
}

static void print_json(double seconds, uint64_t lost)
{
	struct json_object *object = trace_json_new("top"), *list = json_object_new_array();
	size_t i;

	desk_json_real(object, "time", time(NULL), true);
	desk_json_real(object, "seconds", seconds, true);
	desk_json_number(object, "lost", lost);
	for (i = 0; i < nr; i++)
		json_object_array_add(list, json_row(&rows[i], seconds));
	json_object_object_add(object, "rows", list);
	desk_json_print(object, true);
}

void trace_top_print(double seconds, uint64_t lost, bool json)
{
	qsort(rows, nr, sizeof(*rows), by_rate);
	if (json)
		print_json(seconds, lost);
	else
		print_text(seconds, lost);
	nr = 0;
}
