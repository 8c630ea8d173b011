// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap report: one page of saved measurements.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "desk.h"
#include "desk_args.h"
#include "page.h"

struct report_verb {
	struct desk_common common;
	const char *output;
	const char **files;
	size_t nr_files;
};

static const struct argp_option options[] = {
	{ .name = "output", .key = 'o', .arg = "PAGE",
	  .doc = "The HTML page to write; an existing one is replaced once the new one is "
		 "complete" },
	{ }
};

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct report_verb *r = verb;

	(void)key;
	(void)state;
	r->output = arg;
}

static void file(void *verb, char *arg, struct argp_state *state)
{
	struct report_verb *r = verb;

	(void)state;
	r->files = desk_grow(r->files, r->nr_files + 1, sizeof(*r->files));
	r->files[r->nr_files++] = arg;
}

static void check(void *verb, struct argp_state *state)
{
	struct report_verb *r = verb;

	if (!r->nr_files)
		argp_error(state, "no file: give what 'kvm-zap compare --json' or 'kvm-zap stat "
			   "--json' printed, or the bench.json of 'make bench'");
	if (!r->output || !*r->output)
		argp_error(state, "no --output: give the page to write, as in -o page.html");
}

static const struct desk_args args = {
	.options = options,
	.option = option,
	.word = file,
	.check = check,
	.no_json = true,
	.args_doc = "FILE.json... -o PAGE",
	.doc = "Make a page for a browser from measurements: hosts, verdicts with their "
	       "intervals, tables and plots.\vEach FILE is the output of 'kvm-zap compare "
	       "--json', 'kvm-zap stat --json' or 'kvm-zap-bench WORKLOAD --json', or the "
	       "bench.json of 'make bench'. Runs of kvm-zap-bench that differ only in the size of "
	       "the memslot, or of what else is mapped, are combined in a plot of the cost "
	       "against that size.\n\nThe page loads nothing from elsewhere and runs no scripts. "
	       "gnuplot draws the plots; without it, the page has only the tables, and says so.",
};

/* The page may not take the place of what it is made of, either. */
static int check_output(const struct report_verb *r)
{
	struct stat out, in;
	int ret = desk_may_replace(r->output);
	size_t i;

	if (ret || stat(r->output, &out))
		return ret;
	for (i = 0; i < r->nr_files; i++) {
		if (stat(r->files[i], &in) || in.st_dev != out.st_dev || in.st_ino != out.st_ino)
			continue;
		desk_say("%s: is one of the files to report on: give another --output", r->output);
		return DESK_NOT;
	}
	return DESK_OK;
}

/* Of one section. */
static void print_item(struct page *page, const struct page_item *item, const char *id)
{
	if (item->kind == PAGE_COMPARE)
		page_compare(page, item, id);
	else if (item->kind == PAGE_STAT)
		page_stat(page, item, id);
}

static bool has_kind(const struct page_items *items, enum page_kind kind)
{
	size_t i;

	for (i = 0; i < items->nr; i++)
		if (items->item[i].kind == kind)
			return true;
	return false;
}

static void print_verdicts(struct page *page, const struct page_items *items)
{
	size_t i;

	page_out(page, "<ul class=\"said\">\n");
	for (i = 0; i < items->nr; i++) {
		const struct page_item *item = &items->item[i];
		char *id = desk_text("part%zu", i + 1);

		if (item->kind == PAGE_COMPARE)
			page_compare_verdicts(page, item->json, id);
		else if (item->kind == PAGE_STAT)
			page_stat_verdicts(page, item->json, id);
		free(id);
	}
	if (has_kind(items, PAGE_BENCH))
		page_out(page, "<li><a href=\"#bench\">Workloads of kvm-zap-bench</a>: a table, "
			 "and cost by size</li>\n");
	page_out(page, "</ul>\n");
}

static void print_body(struct page *page, const struct page_items *items)
{
	size_t i;

	print_verdicts(page, items);
	page_hosts(page, items);
	for (i = 0; i < items->nr; i++) {
		char *id = desk_text("part%zu", i + 1);

		print_item(page, &items->item[i], id);
		free(id);
	}
	if (has_kind(items, PAGE_BENCH))
		page_bench(page, items);
}

/* All of the page, in memory. */
static char *make(struct page *page, const struct page_items *items, size_t *bytes)
{
	char *body = NULL, *whole = NULL;
	size_t body_bytes;

	page->to = open_memstream(&body, &body_bytes);
	if (!page->to)
		return NULL;
	print_body(page, items);
	if (fclose(page->to))
		return NULL;
	page->to = open_memstream(&whole, bytes);
	if (!page->to)
		return NULL;
	page_print(page, items, body);
	free(body);
	return fclose(page->to) ? NULL : whole;
}

static int write_page(const char *path, const char *text, size_t bytes)
{
	int ret = desk_replace(path, text, bytes);

	if (!ret)
		return DESK_OK;
	desk_say("%s: %s", path, strerror(-ret));
	return DESK_NOT;
}

int desk_verb_report(int argc, char **argv)
{
	struct page_items items = { };
	struct report_verb r = { };
	struct page page = { };
	size_t i, bytes;
	char *text;
	int ret;

	desk_args_parse(&args, argc, argv, &r.common);
	ret = check_output(&r);
	for (i = 0; i < r.nr_files && !ret; i++)
		ret = page_read(&items, r.files[i]);
	if (!ret) {
		text = make(&page, &items, &bytes);
		if (page.no_plots)
			desk_say("%s: tables only: %s", r.output, page.no_plots);
		ret = text ? write_page(r.output, text, bytes) : DESK_NOT;
		if (!text)
			desk_say("out of memory");
		free(text);
	}
	page_free(&items);
	free(page.no_plots);
	free(r.files);
	return ret;
}
