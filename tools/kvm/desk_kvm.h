/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded kvm: whose modules they are, its sites with their words, and its tables of
 * figures.
 */
#ifndef KVM_ZAP_DESK_KVM_H
#define KVM_ZAP_DESK_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "vm.h"

/* A zap site: its parameter is NAME_zap. */
struct desk_site {
	const char *name;
	const char *words[5];	/* NULL ends them; the first is the default */
};

extern const struct desk_site desk_sites[];
#define DESK_NR_SITES	3

/* The site called @name, or NULL. */
const struct desk_site *desk_site(const char *name);

/* The site that has @word, other than @not; NULL if none has. */
const struct desk_site *desk_site_of(const char *word, const struct desk_site *not);
bool desk_site_takes(const struct desk_site *site, const char *word);
/* "stock, fast, scoped, auto", in memory of its own. */
char *desk_site_words(const struct desk_site *site);
/* Report a word that is not one of @site's, and those that are. @now may be NULL. */
void desk_site_refuse(const struct desk_site *site, const char *word, const char *now);

/* The word of @site's parameter: 0 or -errno. */
int desk_param(const struct desk_site *site, char *word, size_t bytes);

enum desk_answer { DESK_NO, DESK_YES, DESK_UNKNOWN };

struct desk_module {
	bool loaded;		/* or built in */
	bool builtin;
	bool zap;		/* it has kvm-zap */
	char build_id[2 * 64 + 1];
	char *file;		/* what is installed for this kernel, NULL if nothing is */
	enum desk_answer current;	/* it is what is loaded */
	enum desk_answer file_zap;	/* it has kvm-zap */
};

void desk_module_read(struct desk_module *module);
void desk_module_free(struct desk_module *module);

/* "kvm-zap", "distribution", "none": who made the kvm that is loaded. */
const char *desk_module_origin(const struct desk_module *module);
/* One line in words. */
char *desk_module_words(const struct desk_module *module);

/* The kvm.ko that modprobe takes for kernel @release, NULL if there is none. */
char *desk_module_file(const char *release);
/* Whether kvm.ko at @file has kvm-zap. */
enum desk_answer desk_module_file_zap(const char *file);

/* DESK_OK if the kvm that is loaded has kvm-zap, else says why not: DESK_NO_ZAP. */
int desk_need_zap(const struct desk_module *module);
/* The same of the module that is loaded, and for root alone, who may do @what: "choose". */
int desk_need_root(const char *what);

/* A table of DESK_DEBUGFS/zap: a header of names, then rows. */
struct desk_table {
	size_t columns, rows;
	char **cells;		/* the header first */
	char *text;
};

/*
 * DESK_OK, or what the verb is to return: the reason is in *@why, in memory of its own.
 */
int desk_table_read(const char *name, struct desk_table *table, char **why);
void desk_table_free(struct desk_table *table);
/* @row from 0. "" if there is no such column. */
const char *desk_table_cell(const struct desk_table *table, size_t row, const char *column);
uint64_t desk_table_number(const struct desk_table *table, size_t row, const char *column);
/* The first of @columns (NULL ends them) that the table lacks, NULL if it has all. */
const char *desk_table_lacks(const struct desk_table *table, const char * const *columns);

/* Rows of stats and latency. */
enum desk_stat {
	STAT_COUNT, STAT_SPTES, STAT_TABLES, STAT_YIELDS, STAT_FLUSHES, STAT_TOTAL_NS,
	STAT_MAX_NS, STAT_COLLATERAL, STAT_KEPT, DESK_NR_STATS
};

extern const char * const desk_stat_names[DESK_NR_STATS + 1];

#define DESK_BUCKETS	64

struct desk_row {
	char site[16], policy[16];
	uint64_t n[DESK_NR_STATS];
	uint64_t bucket[DESK_BUCKETS];	/* [i]: from 2^i ns on; [0]: from 0 */
};

struct desk_stats {
	size_t nr;
	struct desk_row *rows;
};

int desk_stats_read(struct desk_stats *stats, char **why);
void desk_stats_free(struct desk_stats *stats);

#endif
