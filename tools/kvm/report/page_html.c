// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page of a report, as HTML. See page.h.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "desk.h"
#include "desk_print.h"
#include "page.h"

static void escape(FILE *to, const char *text)
{
	/* What would move the cursor or turn the line around is spelt out. */
	char *printable = desk_printable(text), *s;

	for (s = printable; *s; s++) {
		if (*s == '<')
			fputs("&lt;", to);
		else if (*s == '>')
			fputs("&gt;", to);
		else if (*s == '&')
			fputs("&amp;", to);
		else if (*s == '"')
			fputs("&quot;", to);
		else if (*s == '\'')
			fputs("&#39;", to);
		else
			fputc(*s, to);
	}
	free(printable);
}

void page_out(struct page *page, const char *fmt, ...)
{
	const char *percent;
	va_list ap;

	va_start(ap, fmt);
	while ((percent = strstr(fmt, "%s"))) {
		const char *text = va_arg(ap, const char *);

		fwrite(fmt, percent - fmt, 1, page->to);
		escape(page->to, text ? text : "-");
		fmt = percent + 2;
	}
	va_end(ap);
	fputs(fmt, page->to);
}

/* Numbers ------------------------------------------------------------------- */

char *page_amount(double amount, bool known)
{
	return desk_copy(known ? desk_amount(amount).text : "-");
}

char *page_unit(const char *name, double amount, bool known)
{
	size_t len = strlen(name);

	if (known && len > 1 && !strcmp(name + len - 2, "ns"))
		return desk_copy(desk_duration(amount).text);
	return page_amount(amount, known);
}

char *page_ratio(double ratio, bool known)
{
	if (!known)
		return desk_copy("-");
	if (ratio && ratio < 0.0001)
		return desk_copy("<0.0001");
	return desk_text("%.*f", !ratio ? 0 : ratio < 0.00995 ? 4 : ratio < 0.0995 ? 3 :
			 ratio < 99.5 ? 2 : 0, ratio);
}

char *page_time(double seconds)
{
	time_t time = seconds;
	char text[64];
	struct tm tm;

	if (seconds < 0 || seconds > 1e11 || !gmtime_r(&time, &tm))
		return desk_copy("?");
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return desk_copy(text);
}

/* Tables -------------------------------------------------------------------- */

void page_table(struct page *page, const char *caption, const char *titles)
{
	char *copy = desk_copy(titles), *save, *title;
	char id[32];

	/* The caption does not scroll. Readers without a mouse scroll the table by keyboard. */
	snprintf(id, sizeof(id), "table%u", ++page->tables);
	page_out(page, "<p class=\"caption\" id=\"%s\">%s</p>\n<div class=\"wide\" role=\"region\" "
		 "tabindex=\"0\" aria-labelledby=\"%s\"><table aria-labelledby=\"%s\">\n<thead><tr>",
		 id, caption, id, id);
	for (title = strtok_r(copy, "|", &save); title; title = strtok_r(NULL, "|", &save))
		page_out(page, *title == '<' ? "<th scope=\"col\" class=\"text\">%s</th>" :
			 "<th scope=\"col\">%s</th>", title + (*title == '<'));
	page_out(page, "</tr></thead>\n<tbody>\n");
	free(copy);
}

void page_row(struct page *page, const char *name)
{
	page_out(page, "<tr><th scope=\"row\">%s</th>", name);
}

void page_cell(struct page *page, char *text)
{
	page_out(page, "<td>%s</td>", text);
	free(text);
}

void page_row_end(struct page *page)
{
	page_out(page, "</tr>\n");
}

void page_table_end(struct page *page)
{
	page_out(page, "</tbody></table></div>\n");
}

/* The whole ----------------------------------------------------------------- */

static const char style[] =
	":root{color-scheme:light dark;--text:#1b1f24;--back:#fff;--dim:#57606a;--line:#d0d7de;"
	"--box:#f3f5f7;--link:#0b57c4}\n"
	"@media(prefers-color-scheme:dark){:root{--text:#e6e9ed;--back:#15181c;--dim:#a3acb7;"
	"--line:#3a424c;--box:#1f242a;--link:#7ab2ff}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--back);color:var(--text);font:1rem/1.5 system-ui,sans-serif}\n"
	"main{max-width:96rem;margin:0 auto;padding:1rem clamp(.75rem,3vw,3rem) 3rem}\n"
	"h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0 1rem}\n"
	"h2{font-size:1.25rem;line-height:1.3;margin:2.5rem 0 .5rem;padding-top:1rem;"
	"border-top:1px solid var(--line)}\n"
	"h1,h2,p,li,figcaption{overflow-wrap:anywhere}\n"
	"p,.said{max-width:48rem}\n"
	"a{color:var(--link)}\n"
	".dim,figcaption,.caption{color:var(--dim)}\n"
	".said{margin:0;padding:.75rem 1rem .75rem 2rem;background:var(--box);border-radius:.4rem}\n"
	".said li{margin:.15rem 0}\n"
	".note{padding:.75rem 1rem;border-left:.3rem solid #d9722b;background:var(--box)}\n"
	".wide{overflow-x:auto;margin:0 0 1rem;max-width:100%}\n"
	"table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
	".caption{margin:1rem 0 .25rem}\n"
	"th,td{padding:.25rem .7rem;text-align:right;white-space:nowrap;"
	"border-bottom:1px solid var(--line)}\n"
	"thead th{border-bottom:2px solid var(--line);vertical-align:bottom}\n"
	"th:first-child{text-align:left;padding-left:.3rem}\n"
	"td.text,th.text,.words td,.words th{text-align:left}\n"
	"tbody th{font-weight:600;white-space:normal;overflow-wrap:anywhere;min-width:9rem}\n"
	".words td{white-space:normal;overflow-wrap:anywhere;min-width:9rem;vertical-align:top}\n"
	".differs td:last-child,.strong{font-weight:600}\n"
	".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,28rem),1fr));"
	"gap:1.5rem;margin:1rem 0}\n"
	"figure{margin:0;min-width:0;max-width:40rem}\n"
	"figcaption{margin-bottom:.25rem}\n"
	"svg{display:block;width:100%;height:auto;font-family:system-ui,sans-serif}\n"
	"svg g{font-family:inherit}\n"
	/* gnuplot's black is the text's colour, by day and by night. */
	"svg [stroke=black]{stroke:currentColor}\n"
	"svg [fill=black]{fill:currentColor}\n"
	"svg [color=black]{color:inherit}\n"
	".key{list-style:none;margin:.25rem 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.1rem 1rem}\n"
	".key li{display:flex;align-items:center;gap:.4rem;min-width:0}\n"
	".key svg{width:1.6rem;height:.8rem;flex:none}\n"
	"footer{margin-top:3rem;color:var(--dim)}\n"
	"@media print{.wide{overflow:visible}main{max-width:none}}\n";

/* Which host it is about, and since when; one line for what is in a tab. */
static char *title(const struct page_items *items)
{
	size_t count[PAGE_KINDS] = { }, i;
	const char *kernel = NULL, *name = NULL, *now;
	char *text = desk_copy("kvm-zap:"), *longer;
	static const char * const words[PAGE_KINDS][2] = {
		{ "comparison", "comparisons" }, { "statistics", "statistics" },
		{ "run of kvm-zap-bench", "runs of kvm-zap-bench" },
	};
	bool several = false, first = true;

	for (i = 0; i < items->nr; i++) {
		struct json_object *json = items->item[i].json;

		count[items->item[i].kind]++;
		now = page_text(json, items->item[i].kind == PAGE_BENCH ? "result.kernel" :
									  "kernel");
		several |= now && kernel && strcmp(now, kernel);
		kernel = kernel ? kernel : now;
		now = page_text(json, "host.name");
		name = name ? name : now;
	}
	for (i = 0; i < PAGE_KINDS; i++) {
		if (!count[i])
			continue;
		longer = desk_text("%s%s %zu %s", text, first ? "" : ",", count[i],
				   words[i][count[i] != 1]);
		free(text);
		text = longer;
		first = false;
	}
	longer = several || !kernel ? desk_text("%s on several kernels", text) :
		 name ? desk_text("%s on %s, kernel %s", text, name, kernel) :
			desk_text("%s on kernel %s", text, kernel);
	free(text);
	return longer;
}

void page_print(struct page *page, const struct page_items *items, const char *body)
{
	char *text = title(items), *now = page_time(time(NULL));

	page_out(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		 /* It is what it seems to be: it asks no one for anything, it runs nothing. */
		 "<meta http-equiv=\"Content-Security-Policy\" "
		 "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
		 "<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s</title>\n<style>\n",
		 text);
	fputs(style, page->to);
	page_out(page, "</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n", text);
	if (page->no_plots)
		page_out(page, "<p class=\"note\" role=\"note\">There are no plots: %s. "
			 "The tables have all figures.</p>\n", page->no_plots);
	fputs(body, page->to);
	page_out(page, "<footer><p>Made by %s, %s.</p></footer>\n</main>\n"
		 "</body>\n</html>\n", argp_program_version, now);
	free(text);
	free(now);
}
