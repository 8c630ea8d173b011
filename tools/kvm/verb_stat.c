// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap stat: the counts by site and policy, once, repeatedly, or for Prometheus.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "desk.h"
#include "desk_args.h"
#include "desk_json.h"
#include "desk_print.h"
#include "desk_prometheus.h"
#include "desk_vms.h"

struct stat_verb {
	struct desk_common common;
	double seconds;		/* 0: once */
	unsigned long count;	/* 0: until it is interrupted */
	bool all, prometheus;
	const char *output;

	struct desk_stats before, now;
	uint64_t before_ns, now_ns;
};

/* Set by a signal. */
static volatile sig_atomic_t stopped;

static const struct argp_option options[] = {
	{ .name = "interval", .key = 'i', .arg = "SECONDS",
	  .doc = "Print the differences every SECONDS" },
	{ .name = "count", .key = 'n', .arg = "COUNT",
	  .doc = "With -i: end after this many times" },
	{ .name = "all", .key = 'a', .doc = "Also print rows that are all zero" },
	{ .name = "prometheus", .key = 'p',
	  .doc = "Print metrics in Prometheus' text format 0.0.4, including those of each VM" },
	{ .name = "output", .key = 'o', .arg = "FILE",
	  .doc = "With --prometheus: replace FILE in one step, for node_exporter's textfile "
		 "collector, which reads only names that end in .prom" },
	{ }
};

static bool is_prom(const char *path)
{
	size_t len = strlen(path);

	return len >= 5 && !strcmp(path + len - 5, ".prom");
}

static void check(void *verb, struct argp_state *state)
{
	struct stat_verb *s = verb;

	if (s->count && !s->seconds)
		argp_error(state, "--count needs --interval");
	if (s->output && !*s->output)
		argp_error(state, "--output '': give a file's name");
	if (s->output && !s->prometheus)
		argp_error(state, "--output needs --prometheus");
	if (s->prometheus && (s->seconds || s->common.json))
		argp_error(state, "--prometheus goes neither with --interval nor with --json");
	/* It may be moved to where node_exporter looks. */
	if (s->output && !is_prom(s->output))
		desk_say("--output '%s': node_exporter reads only names that end in .prom",
			 s->output);
}

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct stat_verb *s = verb;

	switch (key) {
	case 'i':
		s->seconds = desk_seconds(state, arg, 0.1);
		return;
	case 'n':
		s->count = desk_whole(state, arg, "how often");
		return;
	case 'a':
		s->all = true;
		return;
	case 'p':
		s->prometheus = true;
		return;
	case 'o':
		s->output = arg;
		return;
	}
}

static const struct desk_args args = {
	.options = options,
	.option = option,
	.check = check,
	.doc = "Show what all VMs together did since kvm was loaded, or since "
	       DESK_DEBUGFS "/zap/reset was written.\vColumns: COUNT is the number of "
	       "invalidations; SPTES is the mappings that they dropped; OTHERS is how many of these cannot have been the "
	       "memslot's; KEPT is the mappings that scoped left; TABLES is page tables; YIELDS "
	       "is lock breaks of mmu_lock; FLUSHES is TLB flushes; TIME is the time within "
	       "invalidations; WORST is the longest one. With -i, all but WORST are differences, "
	       "and TIME is a share. With --json and -i, a line is printed each time.",
};

static const struct desk_row *row_before(const struct stat_verb *s, const struct desk_row *row)
{
	size_t i;

	for (i = 0; i < s->before.nr; i++)
		if (!strcmp(s->before.rows[i].site, row->site) &&
		    !strcmp(s->before.rows[i].policy, row->policy))
			return &s->before.rows[i];
	return NULL;
}

/* What came since; all of it where the counts were reset meanwhile. */
static uint64_t grown(const struct stat_verb *s, const struct desk_row *row, enum desk_stat stat)
{
	const struct desk_row *before = row_before(s, row);

	if (!before || row->n[STAT_COUNT] < before->n[STAT_COUNT])
		return row->n[stat];
	return row->n[stat] > before->n[stat] ? row->n[stat] - before->n[stat] : 0;
}

static double elapsed(const struct stat_verb *s)
{
	return (s->now_ns - s->before_ns) / 1e9;
}

static void add_row(struct stat_verb *s, struct desk_grid *grid, const struct desk_row *row)
{
	static const enum desk_stat columns[] = {
		STAT_COUNT, STAT_SPTES, STAT_COLLATERAL, STAT_KEPT, STAT_TABLES, STAT_YIELDS,
		STAT_FLUSHES
	};
	unsigned int i;

	desk_grid_add(grid, row->site);
	desk_grid_add(grid, row->policy);
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		uint64_t n = row->n[columns[i]];

		if (s->before_ns)
			n = grown(s, row, columns[i]);
		desk_grid_add(grid, desk_amount(s->before_ns ? n / elapsed(s) : n).text);
	}
	if (s->before_ns)
		desk_grid_add(grid, desk_percent(grown(s, row, STAT_TOTAL_NS) / 1e9 /
						 elapsed(s)).text);
	else
		desk_grid_add(grid, desk_duration(row->n[STAT_TOTAL_NS]).text);
	desk_grid_add(grid, desk_duration(row->n[STAT_MAX_NS]).text);
}

static void print_table(struct stat_verb *s)
{
	struct desk_grid *grid;
	size_t i, shown = 0;

	grid = desk_grid_new("SITE POLICY COUNT SPTES OTHERS KEPT TABLES YIELDS FLUSHES TIME WORST",
			     " POLICY ");
	for (i = 0; i < s->now.nr; i++) {
		const struct desk_row *row = &s->now.rows[i];

		if (!s->all && !(s->before_ns ? grown(s, row, STAT_COUNT) : row->n[STAT_COUNT]))
			continue;
		add_row(s, grid, row);
		shown++;
	}
	desk_grid_print(grid, desk_columns());
	if (!shown)
		puts("(no invalidation; --all shows the rows that are zero)");
}

static void print_bar(uint64_t count, uint64_t most, int room)
{
	int i, length = most ? (int)((double)count / most * room + 0.999) : 0;

	for (i = 0; i < length; i++)
		fputs(i ? "#" : " #", stdout);
}

/* Bars for people: a file has the numbers from --json. */
static void print_bars(const struct desk_row *row, int columns)
{
	uint64_t most = 0;
	int i, first = -1, last = -1;

	for (i = 0; i < DESK_BUCKETS; i++) {
		if (!row->bucket[i])
			continue;
		first = first < 0 ? i : first;
		last = i;
		most = row->bucket[i] > most ? row->bucket[i] : most;
	}
	if (first < 0)
		return;
	printf("\n%s %s, time of an invalidation\n", row->site, row->policy);
	for (i = first; i <= last; i++) {
		printf("%6s - %-6s %6s", desk_duration(i ? 1ULL << i : 0).text,
		       desk_duration(2ULL << i).text, desk_amount(row->bucket[i]).text);
		print_bar(row->bucket[i], most, columns > 40 ? columns - 25 : 15);
		putchar('\n');
	}
}

static struct json_object *json_row(struct stat_verb *s, const struct desk_row *row)
{
	struct json_object *object = json_object_new_object(), *rates = NULL;
	struct json_object *list = json_object_new_array();
	int i;

	desk_json_text(object, "site", row->site);
	desk_json_text(object, "policy", row->policy);
	for (i = 0; i < DESK_NR_STATS; i++)
		desk_json_number(object, desk_stat_names[i], row->n[i]);
	for (i = 0; i < DESK_BUCKETS; i++) {
		struct json_object *bucket;

		if (!row->bucket[i])
			continue;
		bucket = json_object_new_object();
		desk_json_number(bucket, "from_ns", i ? 1ULL << i : 0);
		desk_json_number(bucket, "count", row->bucket[i]);
		json_object_array_add(list, bucket);
	}
	json_object_object_add(object, "latency", list);
	if (s->before_ns) {
		rates = json_object_new_object();
		for (i = 0; i < DESK_NR_STATS; i++)
			if (i != STAT_MAX_NS)
				desk_json_real(rates, desk_stat_names[i],
					       grown(s, row, i) / elapsed(s), true);
	}
	json_object_object_add(object, "rates", rates);
	return object;
}

static int print_json(struct stat_verb *s, bool line)
{
	struct json_object *object = desk_json_new("stat"), *rows = json_object_new_array();
	size_t i;

	desk_json_number(object, "time", time(NULL));
	json_object_object_add(object, "host", desk_json_host());
	desk_json_real(object, "seconds", s->before_ns ? elapsed(s) : 0, s->before_ns);
	for (i = 0; i < s->now.nr; i++)
		json_object_array_add(rows, json_row(s, &s->now.rows[i]));
	json_object_object_add(object, "rows", rows);
	return desk_json_print(object, line);
}

static int read_now(struct stat_verb *s)
{
	char *why = NULL;
	int ret = desk_stats_read(&s->now, &why);

	s->now_ns = desk_now_ns();
	if (ret)
		desk_say("%s", why);
	free(why);
	return ret;
}

static int once(struct stat_verb *s)
{
	int columns = desk_columns();
	int ret = read_now(s);
	size_t i;

	if (ret)
		return ret;
	if (s->common.json) {
		ret = print_json(s, false);
	} else {
		print_table(s);
		for (i = 0; columns && i < s->now.nr; i++)
			print_bars(&s->now.rows[i], columns);
	}
	desk_stats_free(&s->now);
	return ret;
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Until told to end: what is printed by then is whole. */
static int again(struct stat_verb *s)
{
	struct sigaction action = { .sa_handler = stop };
	unsigned long i;
	int ret;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	ret = read_now(s);
	for (i = 0; !ret && (!s->count || i < s->count); i++) {
		desk_stats_free(&s->before);
		s->before = s->now;
		s->before_ns = s->now_ns;
		memset(&s->now, 0, sizeof(s->now));
		if (!desk_nap(s->seconds) || stopped)
			break;
		ret = read_now(s);
		if (!ret && s->common.json) {
			ret = print_json(s, true);
		} else if (!ret) {
			if (i)
				putchar('\n');
			print_table(s);
			ret = desk_flush() ? DESK_NOT : DESK_OK;
		}
	}
	desk_stats_free(&s->before);
	desk_stats_free(&s->now);
	return ret;
}

int desk_verb_stat(int argc, char **argv)
{
	struct desk_module module;
	struct stat_verb s = { };
	int ret;

	desk_args_parse(&args, argc, argv, &s.common);
	desk_module_read(&module);
	if (s.prometheus) {
		ret = desk_prometheus(&module, s.output);
	} else {
		ret = desk_need_zap(&module);
		if (!ret)
			ret = s.seconds ? again(&s) : once(&s);
	}
	desk_module_free(&module);
	return ret;
}
