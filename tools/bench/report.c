// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results as a table or as JSON. See report.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "compare_stats.h"
#include "desk_print.h"
#include "host.h"
#include "report.h"
#include "vm.h"

struct fact {
	struct fact *next;
	const char *name;
	char *word;
	bool is_number;
};

struct series {
	struct series *next;
	const char *name, *about;
	uint64_t *values;
	unsigned int n;
};

struct report {
	const char *workload;
	int argc;
	char **argv;
	struct fact *facts, **last_fact;
	struct series *series, **last_series;
};

static void *must(void *p)
{
	if (!p)
		vm_die("out of memory");
	return p;
}

struct report *report_new(const char *workload, int argc, char **argv)
{
	struct report *r = must(calloc(1, sizeof(*r)));

	r->workload = workload;
	r->argc = argc;
	r->argv = argv;
	r->last_fact = &r->facts;
	r->last_series = &r->series;
	if (vm_quirks_disabled())
		report_number(r, "quirks_disabled", vm_quirks_disabled());
	return r;
}

static void add_fact(struct report *r, const char *name, char *word, bool is_number)
{
	struct fact *f = must(calloc(1, sizeof(*f)));

	f->name = name;
	f->word = word;
	f->is_number = is_number;
	*r->last_fact = f;
	r->last_fact = &f->next;
}

void report_number(struct report *r, const char *name, uint64_t value)
{
	char *word;

	if (asprintf(&word, "%lu", value) < 0)
		vm_die("out of memory");
	add_fact(r, name, word, true);
}

void report_word(struct report *r, const char *name, const char *word)
{
	add_fact(r, name, must(strdup(word)), false);
}

struct series *report_series(struct report *r, const char *name, const char *about)
{
	struct series *s = must(calloc(1, sizeof(*s)));

	s->name = name;
	s->about = about;
	*r->last_series = s;
	r->last_series = &s->next;
	return s;
}

void report_sample(struct series *s, uint64_t value)
{
	s->values = must(realloc(s->values, (s->n + 1) * sizeof(*s->values)));
	s->values[s->n++] = value;
}

/* Samples are far below 2^53, up to where a double has each whole number. */
static void summarize(const struct series *s, struct summary *out)
{
	double *v = must(malloc(s->n * sizeof(*v)));
	unsigned int i;

	for (i = 0; i < s->n; i++)
		v[i] = s->values[i];
	stats_summarize(v, s->n, out);
	free(v);
}

/* Table --------------------------------------------------------------------- */

/* Digits in groups of three: figures here have up to twelve of them. */
static const char *grouped(uint64_t value, char buf[32])
{
	char plain[24];
	int len = snprintf(plain, sizeof(plain), "%lu", value);
	char *to = buf;
	int i;

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = plain[i];
	}
	*to = '\0';
	return buf;
}

/* A line that begins with #, broken behind commas where a terminal ends. */
struct list {
	int columns;		/* 0: no terminal */
	int used;
	unsigned int items;
};

__attribute__((format(printf, 2, 3)))
static void list_add(struct list *l, const char *fmt, ...)
{
	va_list ap;
	char *item;
	int width;

	va_start(ap, fmt);
	if (vasprintf(&item, fmt, ap) < 0)
		vm_die("out of memory");
	va_end(ap);
	/* With the blank before it. The comma behind it has to fit, too. */
	width = 1 + desk_width(item);
	if (l->items)
		l->used += printf(",");
	if (l->items && l->columns && l->used + width + 1 > l->columns) {
		printf("\n#  ");
		l->used = strlen("#  ");
	}
	printf(" %s", item);
	l->used += width;
	l->items++;
	free(item);
}

/* Sites are what the kernel has: NAME_zap is the word of site NAME. */
static void list_policy(void *list, const char *name, const char *word)
{
	size_t site = strlen(name) - strlen("_zap");

	if (strlen(name) > strlen("_zap") && !strcmp(name + site, "_zap"))
		list_add(list, "%.*s %s", (int)site, name, word);
}

static void print_head(const struct report *r, const struct utsname *uts, int columns)
{
	struct list host = { .columns = columns }, policy = host, facts = host;
	const struct fact *f;
	char version[129];

	host_build_id("kvm", version, sizeof(version));
	host.used = printf("# kvm-zap-bench %s:", r->workload);
	list_add(&host, "kernel %s", uts->release);
	list_add(&host, "kvm %.12s", *version ? version : "built in");
	list_add(&host, "mmu %s", host_mmu());
	policy.used = printf("\n# policy:") - 1;
	host_params("kvm", list_policy, &policy);
	if (!policy.items)
		printf(" this kvm has no kvm-zap: only times are reported");
	facts.used = printf("\n#") - 1;
	for (f = r->facts; f; f = f->next)
		list_add(&facts, "%s %s", f->name, f->word);
	putchar('\n');
}

static struct desk_grid *make_grid(const struct report *r, bool has_about)
{
	struct desk_grid *grid = desk_grid_new(has_about ? "SERIES MEDIAN MIN MAX MAD N ABOUT" :
					       "SERIES MEDIAN MIN MAX MAD N", " ABOUT ");
	const struct series *s;

	for (s = r->series; s; s = s->next) {
		struct summary sum;
		char buf[32];

		if (!s->n)
			continue;
		summarize(s, &sum);
		desk_grid_add(grid, s->name);
		desk_grid_add(grid, grouped(sum.median, buf));
		desk_grid_add(grid, grouped(sum.min, buf));
		desk_grid_add(grid, grouped(sum.max, buf));
		desk_grid_add(grid, grouped(sum.mad, buf));
		snprintf(buf, sizeof(buf), "%u", s->n);
		desk_grid_add(grid, buf);
		if (has_about)
			desk_grid_add(grid, s->about);
	}
	return grid;
}

/* What the series are is beside them, or below where a terminal has no room for that. */
static void print_table(const struct report *r, const struct utsname *uts)
{
	int columns = desk_columns();
	struct desk_grid *grid = make_grid(r, true);
	bool has_about = !columns || desk_grid_width(grid) <= columns;
	const struct series *s;

	print_head(r, uts, columns);
	if (!has_about) {
		desk_grid_free(grid);
		grid = make_grid(r, false);
	}
	desk_grid_print(grid, columns);
	for (s = r->series; s && !has_about; s = s->next)
		if (s->n)
			printf("%s: %s\n", s->name, s->about);
}

/* JSON ---------------------------------------------------------------------- */

static void add_text(struct json_object *object, const char *name, const char *text)
{
	char *utf8 = desk_utf8(text);

	json_object_object_add(object, name, json_object_new_string(utf8));
	free(utf8);
}

/* The first line of a file. */
static void add_line(struct json_object *object, const char *name, const char *path)
{
	char line[256];

	host_read_line(path, line, sizeof(line));
	add_text(object, name, line);
}

static void add_param(void *object, const char *name, const char *word)
{
	add_text(object, name, word);
}

static void add_module(struct json_object *modules, const char *module)
{
	struct json_object *object, *parameters;
	char path[256], version[129];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters", module);
	if (access(path, F_OK))
		return;
	object = json_object_new_object();
	host_build_id(module, version, sizeof(version));
	add_text(object, "build_id", version);
	snprintf(path, sizeof(path), "/sys/module/%s/taint", module);
	add_line(object, "taint", path);
	parameters = json_object_new_object();
	host_params(module, add_param, parameters);
	json_object_object_add(object, "parameters", parameters);
	json_object_object_add(modules, module, object);
}

static void add_number(struct json_object *object, const char *name, uint64_t number)
{
	json_object_object_add(object, name, json_object_new_uint64(number));
}

static struct json_object *json_series(const struct series *s)
{
	struct json_object *object = json_object_new_object();
	struct json_object *samples = json_object_new_array();
	struct summary sum;
	unsigned int i;

	summarize(s, &sum);
	add_text(object, "about", s->about);
	/* Halves are cut off: all that is counted here is whole. */
	add_number(object, "median", sum.median);
	add_number(object, "min", sum.min);
	add_number(object, "max", sum.max);
	add_number(object, "mad", sum.mad);
	for (i = 0; i < s->n; i++)
		json_object_array_add(samples, json_object_new_uint64(s->values[i]));
	json_object_object_add(object, "samples", samples);
	return object;
}

static void add_command(struct json_object *object, const struct report *r)
{
	struct json_object *command = json_object_new_array();
	int i;

	json_object_array_add(command, json_object_new_string("kvm-zap-bench"));
	for (i = 0; i < r->argc; i++) {
		char *utf8 = desk_utf8(r->argv[i]);

		json_object_array_add(command, json_object_new_string(utf8));
		free(utf8);
	}
	json_object_object_add(object, "command", command);
}

static void add_host(struct json_object *object, const struct utsname *uts)
{
	struct json_object *modules = json_object_new_object();
	char cpu[256];

	add_text(object, "kernel", uts->release);
	add_text(object, "kernel_version", uts->version);
	add_line(object, "kernel_command_line", "/proc/cmdline");
	host_cpu(cpu, sizeof(cpu));
	add_text(object, "cpu", cpu);
	add_number(object, "cpus_online", sysconf(_SC_NPROCESSORS_ONLN));
	add_line(object, "clocksource",
		 "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	add_line(object, "transparent_hugepage", "/sys/kernel/mm/transparent_hugepage/enabled");
	add_text(object, "mmu", host_mmu());
	add_module(modules, "kvm");
	add_module(modules, "kvm_amd");
	add_module(modules, "kvm_intel");
	json_object_object_add(object, "modules", modules);
}

static void print_json(const struct report *r, const struct utsname *uts)
{
	const int flags = JSON_C_TO_STRING_NOSLASHESCAPE | JSON_C_TO_STRING_PRETTY |
			  JSON_C_TO_STRING_SPACED;
	struct json_object *object = json_object_new_object();
	struct json_object *parameters = json_object_new_object();
	struct json_object *series = json_object_new_object();
	const struct series *s;
	const struct fact *f;

	add_text(object, "program", "kvm-zap-bench");
	add_text(object, "workload", r->workload);
	add_command(object, r);
	add_host(object, uts);
	for (f = r->facts; f; f = f->next) {
		if (f->is_number)
			add_number(parameters, f->name, strtoull(f->word, NULL, 10));
		else
			add_text(parameters, f->name, f->word);
	}
	json_object_object_add(object, "parameters", parameters);
	for (s = r->series; s; s = s->next)
		if (s->n)
			json_object_object_add(series, s->name, json_series(s));
	json_object_object_add(object, "series", series);
	puts(json_object_to_json_string_ext(object, flags));
	json_object_put(object);
}

static void report_free(struct report *r)
{
	struct series *s;
	struct fact *f;

	while ((f = r->facts)) {
		r->facts = f->next;
		free(f->word);
		free(f);
	}
	while ((s = r->series)) {
		r->series = s->next;
		free(s->values);
		free(s);
	}
	free(r);
}

void report_print(struct report *r, bool json)
{
	struct utsname uts;

	uname(&uts);
	if (json)
		print_json(r, &uts);
	else
		print_table(r, &uts);
	if (fflush(stdout))
		vm_die("writing the results: %s", strerror(errno));
	report_free(r);
}
