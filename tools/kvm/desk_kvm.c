// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sites, words, and tables of figures. See desk_kvm.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "desk_kvm.h"

/* As virt/kvm/zap.c has them, which the test of this tool compares. */
const struct desk_site desk_sites[DESK_NR_SITES] = {
	{ "memslot", { "stock", "fast", "scoped", "auto" } },
	{ "mmio", { "fast", "scoped" } },
	{ "teardown", { "walk", "fast", "bulk" } },
};

const char * const desk_stat_names[DESK_NR_STATS + 1] = {
	"count", "sptes", "tables", "yields", "flushes", "total_ns", "max_ns", "collateral",
	"kept", NULL
};

const struct desk_site *desk_site(const char *name)
{
	unsigned int i;

	for (i = 0; i < DESK_NR_SITES; i++)
		if (!strcmp(desk_sites[i].name, name))
			return &desk_sites[i];
	return NULL;
}

bool desk_site_takes(const struct desk_site *site, const char *word)
{
	const char * const *w;

	for (w = site->words; *w; w++)
		if (!strcmp(*w, word))
			return true;
	return false;
}

const struct desk_site *desk_site_of(const char *word, const struct desk_site *not)
{
	unsigned int i;

	for (i = 0; i < DESK_NR_SITES; i++)
		if (&desk_sites[i] != not && desk_site_takes(&desk_sites[i], word))
			return &desk_sites[i];
	return NULL;
}

char *desk_site_words(const struct desk_site *site)
{
	char *list = desk_copy(site->words[0]);
	const char * const *w;

	for (w = site->words + 1; *w; w++) {
		char *longer = desk_text("%s, %s", list, *w);

		free(list);
		list = longer;
	}
	return list;
}

void desk_site_refuse(const struct desk_site *site, const char *word, const char *now)
{
	const struct desk_site *other = desk_site_of(word, site);
	char *words = desk_site_words(site);

	if (other)
		desk_say("%s takes %s%s%s%s; '%s' is a word of %s", site->name, words,
			 now ? " (now: " : "", now ? now : "", now ? ")" : "", word, other->name);
	else
		desk_say("%s takes %s%s%s%s; '%s' is no word", site->name, words,
			 now ? " (now: " : "", now ? now : "", now ? ")" : "", word);
	free(words);
}

int desk_param(const struct desk_site *site, char *word, size_t bytes)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_zap", site->name);
	return kvm_param_get("kvm", name, word, bytes);
}

static void split(struct desk_table *table)
{
	char *line, *lines, *cell, *cells;

	for (line = strtok_r(table->text, "\n", &lines); line;
	     line = strtok_r(NULL, "\n", &lines)) {
		size_t column = 0;

		for (cell = strtok_r(line, " \t", &cells); cell;
		     cell = strtok_r(NULL, " \t", &cells)) {
			if (!table->rows && column == table->columns)
				table->columns++;
			if (column == table->columns)
				break;
			table->cells = desk_grow(table->cells,
						 (table->rows + 1) * table->columns,
						 sizeof(*table->cells));
			table->cells[table->rows * table->columns + column++] = cell;
		}
		/* A row that is cut short is none. */
		if (column && column == table->columns)
			table->rows++;
	}
	if (table->rows)
		table->rows--;
}

int desk_table_read(const char *name, struct desk_table *table, char **why)
{
	char *path = desk_text(DESK_DEBUGFS "/zap/%s", name);
	int ret = DESK_OK;

	memset(table, 0, sizeof(*table));
	table->text = desk_read(path, NULL);
	if (!table->text) {
		*why = desk_denied(errno, path);
		ret = DESK_DENIED;
	} else {
		split(table);
		if (!table->columns) {
			*why = desk_text("%s has no header: not a file of this kvm-zap", path);
			desk_table_free(table);
			ret = DESK_NOT;
		}
	}
	free(path);
	return ret;
}

void desk_table_free(struct desk_table *table)
{
	free(table->cells);
	free(table->text);
	memset(table, 0, sizeof(*table));
}

const char *desk_table_cell(const struct desk_table *table, size_t row, const char *column)
{
	size_t i;

	for (i = 0; i < table->columns; i++)
		if (!strcmp(table->cells[i], column))
			return table->cells[(row + 1) * table->columns + i];
	return "";
}

uint64_t desk_table_number(const struct desk_table *table, size_t row, const char *column)
{
	return strtoull(desk_table_cell(table, row, column), NULL, 10);
}

const char *desk_table_lacks(const struct desk_table *table, const char * const *columns)
{
	size_t i;

	for (; *columns; columns++) {
		for (i = 0; i < table->columns; i++)
			if (!strcmp(table->cells[i], *columns))
				break;
		if (i == table->columns)
			return *columns;
	}
	return NULL;
}

static struct desk_row *find_row(struct desk_stats *stats, const char *site, const char *policy)
{
	size_t i;

	for (i = 0; i < stats->nr; i++)
		if (!strcmp(stats->rows[i].site, site) && !strcmp(stats->rows[i].policy, policy))
			return &stats->rows[i];
	return NULL;
}

static void fill_rows(struct desk_stats *stats, const struct desk_table *table)
{
	size_t row;
	int i;

	stats->nr = table->rows;
	stats->rows = desk_alloc((table->rows + 1) * sizeof(*stats->rows));
	for (row = 0; row < table->rows; row++) {
		struct desk_row *r = &stats->rows[row];

		snprintf(r->site, sizeof(r->site), "%s", desk_table_cell(table, row, "site"));
		snprintf(r->policy, sizeof(r->policy), "%s",
			 desk_table_cell(table, row, "policy"));
		for (i = 0; i < DESK_NR_STATS; i++)
			r->n[i] = desk_table_number(table, row, desk_stat_names[i]);
	}
}

static void fill_buckets(struct desk_stats *stats, const struct desk_table *table)
{
	size_t row;

	for (row = 0; row < table->rows; row++) {
		uint64_t from = desk_table_number(table, row, "from_ns");
		struct desk_row *r = find_row(stats, desk_table_cell(table, row, "site"),
					      desk_table_cell(table, row, "policy"));

		if (r)
			r->bucket[from ? 63 - __builtin_clzll(from) : 0] +=
				desk_table_number(table, row, "count");
	}
}

int desk_stats_read(struct desk_stats *stats, char **why)
{
	static const char * const columns[] = { "site", "policy", "from_ns", "count", NULL };
	struct desk_table table, latency;
	const char *lacks;
	int ret;

	memset(stats, 0, sizeof(*stats));
	ret = desk_table_read("stats", &table, why);
	if (ret)
		return ret;
	ret = desk_table_read("latency", &latency, why);
	if (ret)
		goto out;
	lacks = desk_table_lacks(&table, desk_stat_names);
	if (!lacks)
		lacks = desk_table_lacks(&latency, columns);
	if (lacks) {
		*why = desk_text("%s/zap has no column '%s': not of this kvm-zap",
				 DESK_DEBUGFS, lacks);
		ret = DESK_NOT;
	} else {
		fill_rows(stats, &table);
		fill_buckets(stats, &latency);
	}
	desk_table_free(&latency);
out:
	desk_table_free(&table);
	return ret;
}

void desk_stats_free(struct desk_stats *stats)
{
	free(stats->rows);
	memset(stats, 0, sizeof(*stats));
}
