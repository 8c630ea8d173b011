/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-zap report: one HTML page of saved measurements, see verb_report.c.
 *
 * Nothing from a file gets into the page or into a plot's script unchanged: page_out()
 * escapes it for HTML, and page_plain() leaves no character that gnuplot could take for
 * more than text.
 */
#ifndef KVM_ZAP_PAGE_H
#define KVM_ZAP_PAGE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What was read (page_read.c) ----------------------------------------------- */

enum page_kind { PAGE_COMPARE, PAGE_STAT, PAGE_BENCH, PAGE_KINDS };

/* One measurement: of a benchmark, that is one run of kvm-zap-bench. */
struct page_item {
	enum page_kind kind;
	const char *path;		/* of its file */
	struct json_object *json;
};

struct page_items {
	struct page_item *item;
	size_t nr;
};

/* Appends what is in the file @path. An exit status of desk.h; it has said why. */
int page_read(struct page_items *items, const char *path);
void page_free(struct page_items *items);

/*
 * Values of an object's keys, if of that type. Keys with dots go deeper:
 * "host.cpu". NULL, false or an empty array if there is none.
 */
struct json_object *page_get(struct json_object *object, const char *key);
const char *page_text(struct json_object *object, const char *key);
bool page_number(struct json_object *object, const char *key, double *number);
size_t page_length(struct json_object *object, const char *key);
struct json_object *page_at(struct json_object *object, const char *key, size_t i);

/* The page (page_html.c) ---------------------------------------------------- */

struct page {
	FILE *to;
	unsigned int plots, tables;	/* made up to now */
	char *no_plots;			/* why there are none, for people */
};

/* The words of @fmt as they are, but each "%s", which is a text, escaped. */
void page_out(struct page *page, const char *fmt, ...);

/* Numbers for people; "-" unless @known. page_unit() goes by the name's end: "_ns". */
char *page_amount(double amount, bool known);
char *page_unit(const char *name, double amount, bool known);
char *page_ratio(double ratio, bool known);
/* A time since 1970. */
char *page_time(double seconds);

/*
 * A box of its own to scroll in, with the table's head: titles between bars, of text with
 * a "<" before it.
 */
void page_table(struct page *page, const char *caption, const char *titles);
/* A cell: the first of a row names it. Takes @text, which free() has to take. */
void page_row(struct page *page, const char *name);
void page_cell(struct page *page, char *text);
void page_row_end(struct page *page);
void page_table_end(struct page *page);

/* Prints all of it, with @body, which is HTML. */
void page_print(struct page *page, const struct page_items *items, const char *body);

/* Plots (page_plot.c) ------------------------------------------------------- */

#define PAGE_COLOURS	8

/*
 * Runs gnuplot with @script and puts what it draws into the page, with @names of its
 * series, each of which has its page_style(). @about says in words what is to be seen. It is
 * so many pixels @higher than others.
 */
void page_plot(struct page *page, const char *title, const char *about, const char *script,
	       const char * const *names, size_t nr, unsigned int higher);

/* gnuplot's words for the line and the points of a series: the same name always has the same. */
const char *page_style(const char *name);

/* Text between quotes of gnuplot, of either kind: anything but plain characters is a '?'. */
char *page_plain(const char *text);

/* gnuplot's words for an axis, 'x' or 'y', of times, of bytes or of ratios, from low to high. */
void page_axis_ns(FILE *script, char axis, double low, double high);
void page_axis_bytes(FILE *script, char axis, double low, double high);
void page_axis_ratio(FILE *script, char axis, double low, double high);

/*
 * Rows of points with a low and a high end (page_bars.c): series first, then a row and its
 * points, one of each series or none. A high end may be infinite. Names are kept, not copied,
 * and are printed whole. Printing frees it.
 */
struct page_bars;

struct page_bars *page_bars_new(const char *title,
				void (*axis)(FILE *script, char axis, double low, double high));
void page_bars_series(struct page_bars *bars, const char *name);
void page_bars_line(struct page_bars *bars, double at);
void page_bars_row(struct page_bars *bars, const char *name);
void page_bars_add(struct page_bars *bars, size_t series, double at, double low, double high);
void page_bars_print(struct page *page, struct page_bars *bars);

/* Sections, a file each ----------------------------------------------------- */

/* The sentences of it, as items of a list; they link to @id unless it is NULL. */
void page_compare_verdicts(struct page *page, struct json_object *json, const char *id);
void page_compare(struct page *page, const struct page_item *item, const char *id);
/* What was compared, for people; free() it. */
char *page_compare_what(struct json_object *json);
/* What cyclictest found in its guest, if there was one. */
void page_latency(struct page *page, struct json_object *json);

void page_stat(struct page *page, const struct page_item *item, const char *id);
void page_stat_verdicts(struct page *page, struct json_object *json, const char *id);

/* All of them together: sizes may be in files of their own. */
void page_bench(struct page *page, const struct page_items *items);

/* The hosts that they are of. */
void page_hosts(struct page *page, const struct page_items *items);

#endif
