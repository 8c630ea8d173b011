// SPDX-License-Identifier: GPL-2.0-only
/*
 * How late a guest's timers woke: what tools/kvm/compare/compare_latency.c makes of
 * cyclictest's output. compare_test.sh builds and runs it. KTAP.
 *
 * What breaks without it: the stall that compare shows is not the one that the guest had.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare_guest.h"
#include "desk.h"
#include "desk_json.h"
#include "unit.h"
#include "vm.h"

#define TITLE	"how late the guest's timers wake, by cyclictest:\n"
#define RUNS	3

/* compare_latency.c's own, without the rest of desk_json.c: what is printed is tested. */
void desk_json_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

void desk_json_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_int64(number));
}

void desk_json_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void host_read_line(const char *path, char *buf, size_t bytes)
{
	(void)path;
	if (bytes)
		*buf = '\0';
}

static char *printed(const struct compare *c)
{
	char *text;

	unit_hear(&stdout);
	compare_latency_print(c);
	text = unit_heard();
	unit_squeeze(text);
	return text;
}

/* The lines below the titles are @lines. */
static void prints(const char *what, const struct compare *c, const char *lines)
{
	char *got = printed(c), *expected;

	if (asprintf(&expected, TITLE "POLICY WAKINGS MEDIAN 99%% 99.9%% MAX MAX/RUN\n%s",
		     lines) < 0)
		exit(1);
	ktap_text(what, got, *lines ? expected : "");
	free(expected);
	free(got);
}

static void take_text(struct compare_latency *l, char *text)
{
	ktap_check(compare_latency_add(l, text), "refused: %s", text);
	free(text);
}

/* Of a run with one thread, as cyclictest has it. json-c takes these quotes, too. */
static void take(struct compare_latency *l, int cycles, int max_us, const char *histogram)
{
	take_text(l, desk_text("{'thread': {'0': {'cycles': %d, 'max': %d, 'histogram': {%s}}}}",
			       cycles, max_us, histogram));
}

/* Three runs: fast, fast again, scoped. */
static struct compare three(struct compare_latency *latency)
{
	struct compare c = { .policies = { "fast", "scoped" }, .nr_policies = RUNS - 1 };

	memset(latency, 0, RUNS * sizeof(*latency));
	c.latency = latency;
	return c;
}

static void clear(struct compare_latency *latency)
{
	unsigned int run;

	for (run = 0; run < RUNS; run++) {
		free(latency[run].histogram);
		free(latency[run].maxima);
	}
}

/* Of 1,000 wakings 500, 990 and 999 are within the percentiles, and no one more. */
static void two_policies(void)
{
	struct compare_latency l[RUNS];
	struct compare c = three(l);

	take(&l[0], 1000, 40, "'2': 500, '5': 490, '20': 9, '40': 1");
	take(&l[2], 1000, 41, "'2': 499, '3': 490, '21': 9, '41': 2");
	prints("two policies", &c, "fast 1.0k 2.0us 5.0us 20us 40us 40us\n"
				   "scoped 1.0k 3.0us 21us 41us 41us 41us\n");
	take(&l[1], 4, 1500, "'900': 2, '1000': 1, '1500': 1");
	prints("again", &c, "fast 1.0k 2.0us 5.0us 20us 40us 40us\n"
			    "fast again 4 900us 1.5ms 1.5ms 1.5ms 1.5ms\n"
			    "scoped 1.0k 3.0us 21us 41us 41us 41us\n");
	clear(l);
	ktap_result("percentiles are those of the wakings, policy by policy");
}

/* Threads and runs are of one histogram; each run's maximum, of its threads, counts once. */
static void several(void)
{
	struct compare_latency l[RUNS];
	struct compare c = three(l);

	take_text(&l[0], desk_text("WARN: a word\n{'thread': {%s, %s, %s}}",
				   "'0': {'cycles': 2, 'max': 10, 'histogram': {'10': 2}}",
				   "'1': {'cycles': 1, 'max': 30, 'histogram': {'30': 1}}",
				   "'2': {'cycles': 2, 'max': 10, 'histogram': {'10': 2}}"));
	take(&l[0], 1, 70, "'70': 1");
	take(&l[0], 1, 20, "'20': 1");
	prints("threads and runs", &c, "fast 7 10us 70us 70us 70us 30us\n");
	clear(l);
	ktap_result("threads and runs are added up, the median of maxima is by run");
}

static void few(void)
{
	struct compare_latency l[RUNS];
	struct compare c = three(l);

	prints("nothing measured", &c, "");
	c.latency = NULL;
	prints("no guest", &c, "");
	c.latency = l;
	take(&l[0], 0, 0, "");
	prints("no waking", &c, "fast 0 0ns 0ns 0ns 0ns 0ns\n");
	clear(l);
	memset(l, 0, sizeof(l));
	take(&l[0], 3, 7, "'7': 3");
	prints("one bucket", &c, "fast 3 7.0us 7.0us 7.0us 7.0us 7.0us\n");
	clear(l);
	memset(l, 0, sizeof(l));
	take(&l[0], 3, 9, "'0': 2, '9': 1");
	prints("mostly not late", &c, "fast 3 0ns 9.0us 9.0us 9.0us 9.0us\n");
	clear(l);
	ktap_result("no waking, and one bucket");
}

/* The histogram ends before 100 ms. What is later is in cycles and max alone. */
static void overflow(void)
{
	struct compare_latency l[RUNS];
	struct compare c = three(l);

	take(&l[0], 100, 250000, "'5': 98, '99999': 1");
	prints("one is later", &c, "fast 100 5.0us 100ms 250ms 250ms 250ms\n");
	take(&l[2], 3, 2500000, "'5': 1");
	prints("most are", &c, "fast 100 5.0us 100ms 250ms 250ms 250ms\n"
			       "scoped 3 2.5s 2.5s 2.5s 2.5s 2.5s\n");
	clear(l);
	memset(l, 0, sizeof(l));
	take(&l[0], 2, 300000, "'300000': 2");
	prints("a histogram that is longer", &c, "fast 2 300ms 300ms 300ms 300ms 300ms\n");
	clear(l);
	ktap_result("what is later than the histogram goes is the maximum");
}

static void no_answers(void)
{
	static const char * const texts[] = { "", "no json", "{'thread':", "{'a': 1}",
						"{'thread': 3}" };
	struct compare_latency l = { };
	size_t i;

	/* desk_say() is not looked at here. */
	unit_quiet();
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		ktap_check(!compare_latency_add(&l, texts[i]), "taken: %s", texts[i]);
	ktap_check(!l.histogram && !l.count, "what is wrong leaves something");
	ktap_result("what is no answer of cyclictest's is refused");
}

int main(void)
{
	ktap_start(5);
	two_policies();
	several();
	few();
	overflow();
	no_answers();
	return ktap_end();
}
