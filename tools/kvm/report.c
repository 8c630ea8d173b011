// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results as a table or as JSON. See report.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "compare_stats.h"
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

static void print_table(const struct report *r, const struct utsname *uts)
{
	const struct series *s;
	const struct fact *f;
	char version[129];

	host_build_id("kvm", version, sizeof(version));
	printf("# kvm-zap-bench %s: kernel %s, kvm %.12s, mmu %s\n", r->workload, uts->release,
	       *version ? version : "built in", host_mmu());
	printf("# policy: memslot %s", host_policy("memslot"));
	printf(", mmio %s", host_policy("mmio"));
	printf(", teardown %s\n", host_policy("teardown"));
	printf("#");
	for (f = r->facts; f; f = f->next)
		printf("%s %s %s", f == r->facts ? "" : ",", f->name, f->word);
	printf("\n%-18s %15s %15s %15s %13s  %s\n", "", "median", "min", "max", "mad", "n");
	for (s = r->series; s; s = s->next) {
		struct summary sum;
		char a[32], b[32], c[32], d[32];

		if (!s->n)
			continue;
		summarize(s, &sum);
		printf("%-18s %15s %15s %15s %13s  %u  %s\n", s->name, grouped(sum.median, a),
		       grouped(sum.min, b), grouped(sum.max, c), grouped(sum.mad, d), s->n,
		       s->about);
	}
}

/* JSON ---------------------------------------------------------------------- */

static void json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			/* Bytes that may not be UTF-8 are taken for Latin-1. */
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void json_pair(const char *indent, const char *name, const char *value, const char *end)
{
	printf("%s\"%s\": ", indent, name);
	json_string(value);
	printf("%s\n", end);
}

static void json_param(void *arg, const char *name, const char *word)
{
	bool *first = arg;

	printf("%s\n        ", *first ? "" : ",");
	json_string(name);
	printf(": ");
	json_string(word);
	*first = false;
}

static void json_module(const char *module, bool *first)
{
	char path[256], version[129];
	bool first_param = true;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters", module);
	if (access(path, F_OK))
		return;
	printf("%s\n    \"%s\": {\n", *first ? "" : ",", module);
	*first = false;
	host_build_id(module, version, sizeof(version));
	json_pair("      ", "build_id", version, ",");
	snprintf(path, sizeof(path), "/sys/module/%s/taint", module);
	host_read_line(path, version, sizeof(version));
	json_pair("      ", "taint", version, ",");
	printf("      \"parameters\": {");
	host_params(module, json_param, &first_param);
	printf("\n      }\n    }");
}

static void json_series(const struct series *s, bool first)
{
	struct summary sum;
	unsigned int i;

	summarize(s, &sum);
	printf("%s\n    \"%s\": {\n", first ? "" : ",", s->name);
	json_pair("      ", "about", s->about, ",");
	/* Halves are cut off: all that is counted here is whole. */
	printf("      \"median\": %lu, \"min\": %lu, \"max\": %lu, \"mad\": %lu,\n",
	       (uint64_t)sum.median, (uint64_t)sum.min, (uint64_t)sum.max, (uint64_t)sum.mad);
	printf("      \"samples\": [");
	for (i = 0; i < s->n; i++)
		printf("%s%lu", i ? ", " : "", s->values[i]);
	printf("]\n    }");
}

static void print_json(const struct report *r, const struct utsname *uts)
{
	const struct series *s;
	const struct fact *f;
	char line[256];
	bool first;
	int i;

	printf("{\n");
	json_pair("  ", "program", "kvm-zap-bench", ",");
	json_pair("  ", "workload", r->workload, ",");
	printf("  \"command\": [\"kvm-zap-bench\"");
	for (i = 0; i < r->argc; i++) {
		printf(", ");
		json_string(r->argv[i]);
	}
	printf("],\n");
	json_pair("  ", "kernel", uts->release, ",");
	json_pair("  ", "kernel_version", uts->version, ",");
	host_read_line("/proc/cmdline", line, sizeof(line));
	json_pair("  ", "kernel_command_line", line, ",");
	host_cpu(line, sizeof(line));
	json_pair("  ", "cpu", line, ",");
	printf("  \"cpus_online\": %ld,\n", sysconf(_SC_NPROCESSORS_ONLN));
	host_read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", line,
		       sizeof(line));
	json_pair("  ", "clocksource", line, ",");
	host_read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof(line));
	json_pair("  ", "transparent_hugepage", line, ",");
	json_pair("  ", "mmu", host_mmu(), ",");

	printf("  \"modules\": {");
	first = true;
	json_module("kvm", &first);
	json_module("kvm_amd", &first);
	json_module("kvm_intel", &first);
	printf("\n  },\n  \"parameters\": {");
	for (f = r->facts; f; f = f->next) {
		printf("%s\n    \"%s\": ", f == r->facts ? "" : ",", f->name);
		if (f->is_number)
			printf("%s", f->word);
		else
			json_string(f->word);
	}
	printf("\n  },\n  \"series\": {");
	first = true;
	for (s = r->series; s; s = s->next) {
		if (!s->n)
			continue;
		json_series(s, first);
		first = false;
	}
	printf("\n  }\n}\n");
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
