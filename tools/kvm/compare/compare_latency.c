// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stall as cyclictest in the guest sees it: how late it wakes up. See
 * compare_guest.h.
 */
#include <stdlib.h>
#include <string.h>

#include "compare_guest.h"
#include "desk.h"
#include "desk_json.h"
#include "desk_print.h"

#define LONGEST_US	100000	/* as guest-init asks for */

static uint64_t number_of(struct json_object *object, const char *key)
{
	struct json_object *number;

	return json_object_object_get_ex(object, key, &number) ? json_object_get_int64(number) : 0;
}

/* One thread's; returns its maximum. */
static uint64_t add_thread(struct compare_latency *l, struct json_object *thread)
{
	struct json_object *histogram = NULL;
	uint64_t max_us = number_of(thread, "max"), counted = 0;

	json_object_object_get_ex(thread, "histogram", &histogram);
	if (histogram && json_object_is_type(histogram, json_type_object)) {
		json_object_object_foreach(histogram, key, value) {
			uint64_t us = strtoull(key, NULL, 10), n = json_object_get_int64(value);

			/* What is beyond is known by its maximum alone. */
			if (us >= LONGEST_US)
				continue;
			counted += n;
			l->histogram[us] += n;
		}
	}
	l->count += number_of(thread, "cycles");
	l->longer += number_of(thread, "cycles") > counted ?
		     number_of(thread, "cycles") - counted : 0;
	return max_us;
}

bool compare_latency_add(struct compare_latency *l, const char *text)
{
	/* What cyclictest warns of may stand before it. */
	const char *begin = strchr(text, '{');
	struct json_object *object = begin ? json_tokener_parse(begin) : NULL, *threads = NULL;
	uint64_t max_us = 0, late;

	if (!object || !json_object_object_get_ex(object, "thread", &threads) ||
	    !json_object_is_type(threads, json_type_object)) {
		desk_say("the output of cyclictest in the guest cannot be parsed");
		json_object_put(object);
		return false;
	}
	if (!l->histogram) {
		l->histogram = desk_alloc(LONGEST_US * sizeof(*l->histogram));
		memset(l->histogram, 0, LONGEST_US * sizeof(*l->histogram));
	}
	json_object_object_foreach(threads, key, thread) {
		(void)key;
		late = add_thread(l, thread);
		if (late > max_us)
			max_us = late;
	}
	if (max_us > l->max_us)
		l->max_us = max_us;
	l->maxima = desk_grow(l->maxima, l->nr_maxima + 1, sizeof(*l->maxima));
	l->maxima[l->nr_maxima++] = max_us;
	json_object_put(object);
	return true;
}

/* The lateness that @share of all wakings do not exceed. */
static uint64_t percentile(const struct compare_latency *l, double share)
{
	uint64_t seen = 0, us;

	for (us = 0; us < LONGEST_US; us++) {
		seen += l->histogram[us];
		if (seen && seen >= l->count * share)
			return us;
	}
	return l->max_us;
}

static void add_us(struct desk_grid *grid, uint64_t us)
{
	desk_grid_add(grid, desk_duration(us * 1000).text);
}

void compare_latency_print(const struct compare *c)
{
	struct desk_grid *grid;
	unsigned int run;

	if (!c->latency || !c->latency[0].histogram)
		return;
	puts("how late the guest's timers wake, by cyclictest:");
	grid = desk_grid_new("POLICY WAKINGS MEDIAN 99% 99.9% MAX MAX/RUN", "");
	for (run = 0; run < compare_runs(c); run++) {
		const struct compare_latency *l = &c->latency[run];
		char *name = desk_text("%s%s", compare_policy(c, run),
				       run == COMPARE_AGAIN ? " again" : "");

		if (l->histogram) {
			desk_grid_add(grid, name);
			desk_grid_add(grid, desk_amount(l->count).text);
			add_us(grid, percentile(l, 0.5));
			add_us(grid, percentile(l, 0.99));
			add_us(grid, percentile(l, 0.999));
			add_us(grid, l->max_us);
			add_us(grid, stats_median(l->maxima, l->nr_maxima));
		}
		free(name);
	}
	desk_grid_print(grid, desk_columns());
}

static struct json_object *json_one(const struct compare *c, unsigned int run)
{
	const struct compare_latency *l = &c->latency[run];
	struct json_object *object = json_object_new_object(), *list = json_object_new_array();
	struct json_object *maxima = json_object_new_array();
	size_t i;

	desk_json_text(object, "policy", compare_policy(c, run));
	desk_json_bool(object, "again", run == COMPARE_AGAIN);
	desk_json_number(object, "wakings", l->count);
	desk_json_number(object, "longer", l->longer);
	desk_json_number(object, "max_us", l->max_us);
	for (i = 0; i < l->nr_maxima; i++)
		json_object_array_add(maxima, json_object_new_int64(l->maxima[i]));
	json_object_object_add(object, "maxima_us", maxima);
	for (i = 0; i < LONGEST_US; i++) {
		struct json_object *pair;

		if (!l->histogram[i])
			continue;
		pair = json_object_new_array();
		json_object_array_add(pair, json_object_new_int64(i));
		json_object_array_add(pair, json_object_new_int64(l->histogram[i]));
		json_object_array_add(list, pair);
	}
	json_object_object_add(object, "histogram", list);
	return object;
}

struct json_object *compare_latency_json(const struct compare *c)
{
	struct json_object *list;
	unsigned int run;

	if (!c->latency || !c->latency[0].histogram)
		return NULL;
	list = json_object_new_array();
	for (run = 0; run < compare_runs(c); run++)
		if (c->latency[run].histogram)
			json_object_array_add(list, json_one(c, run));
	return list;
}
